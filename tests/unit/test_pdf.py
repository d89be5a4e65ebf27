"""Pages of a PDF become photos: in order, drawn in a confined process, damage said."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.core.errors import InvalidRequest
from shared.jobs.intake.unpacking import Unpacking
from shared.photos.pdf_pages import SIDE

COLOURS = [(200, 30, 40), (20, 120, 60), (30, 40, 160)]


def pdf(path: Path, colours: list[tuple[int, int, int]] = COLOURS) -> Path:
    first, *others = [Image.new("RGB", (300, 400), colour) for colour in colours]
    first.save(path, "PDF", save_all=True, append_images=others)
    return path


def unpacked(path: Path, max_files: int = 100) -> tuple[dict[str, Image.Image], Counter[str]]:
    unpacking = Unpacking(path.parent, max_files=max_files, max_bytes=1 << 30, max_photo_bytes=1 << 26)
    found = {}
    for name, spooled in unpacking.photos(path, path.name):
        assert spooled.path is not None
        found[name] = Image.open(io.BytesIO(spooled.path.read_bytes()))
        spooled.close()
    return found, unpacking.left_out


def test_every_page_is_a_photo(tmp_path: Path) -> None:
    pages, left_out = unpacked(pdf(tmp_path / "lookbook.pdf"))
    assert list(pages) == [f"lookbook-page-{n:04}.jpg" for n in (1, 2, 3)]
    for page, colour in zip(pages.values(), COLOURS, strict=True):
        assert max(page.size) == SIDE
        assert np.abs(np.asarray(page).mean((0, 1)) - colour).max() < 3
    assert not left_out


def test_a_pdf_in_a_zip(tmp_path: Path) -> None:
    inner = pdf(tmp_path / "a.pdf", COLOURS[:1]).read_bytes()
    with zipfile.ZipFile(tmp_path / "season.zip", "w") as archive:
        archive.writestr("ss27/a.pdf", inner)
        archive.writestr("ss27/broken.pdf", inner[:200])
    pages, left_out = unpacked(tmp_path / "season.zip")
    assert list(pages) == ["ss27/a.pdf/a-page-0001.jpg"]
    assert left_out == {".pdf": 1}


@pytest.mark.parametrize("data", [b"no PDF", b"%PDF-1.7\nand nothing else"])
def test_what_is_no_pdf_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pdf").write_bytes(data)
    with pytest.raises(InvalidRequest) as refused:
        unpacked(tmp_path / "a.pdf")
    assert refused.value.code == "pdf_damaged"


def test_more_pages_than_an_upload_may_have(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as refused:
        unpacked(pdf(tmp_path / "a.pdf"), max_files=2)
    assert refused.value.code == "too_many_files"


def test_without_the_library_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pypdfium2.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(InvalidRequest) as refused:
        unpacked(pdf(tmp_path / "a.pdf"))
    assert refused.value.code == "pdf_unsupported"
