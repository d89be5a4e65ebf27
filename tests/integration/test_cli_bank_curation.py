"""A bank's life on the command line: imported, checked, cleaned, samples put back; a full disk changes nothing."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from shared.bank.store import BankStore
from shared.core import files
from shared.core.settings import Settings
from tests.banks import save_npz

MODEL = "ViT-B-32/openai"
Weft = Callable[..., Any]


@pytest.fixture
def weft(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Weft:
    """Run a command in this process; its JSON answer, or its words with `words=True`."""

    def run(*arguments: str, code: int = output.OK, words: bool = False) -> Any:
        options = ["--data-dir", str(settings.data_dir), *([] if words else ["--json"])]
        assert cli.run([*arguments, *options]) == code
        printed = capsys.readouterr().out
        return printed if words else json.loads(printed)

    return run


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    """6 classes of 5 photos, every one there twice; one photo of `class-0` also in `class-1`."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(6, 1, 64)) + 0.8 * rng.normal(size=(6, 5, 64))
    rows = (rows / np.linalg.norm(rows, axis=2, keepdims=True)).astype(np.float32)
    rows[1, 0] = rows[0, 0]
    return save_npz(tmp_path / "legacy.npz", {f"class-{n}": np.concatenate([own, own]) for n, own in enumerate(rows)})


def test_from_the_old_format_to_a_clean_bank_and_back(weft: Weft, settings: Settings, legacy: Path) -> None:
    raw = weft("bank", "check", str(legacy), "--model", MODEL)
    assert raw["duplicates"]["within"] == 30
    assert raw["duplicates"]["across"] == 4
    assert not (settings.data_dir / "banks").exists()

    imported = weft("bank", "import", str(legacy), "--model", MODEL)
    assert imported["counts"]["samples"] == imported["counts"]["duplicates"] == 30
    assert imported["required_model"]["model"] == MODEL
    assert imported["published"]
    assert "in several classes" in weft("bank", "check", words=True)

    plan = weft("bank", "clean", "--keep", "8")
    assert plan["reasons"] == {"across": 2}
    assert plan["made"] is None
    store = BankStore(settings)
    assert store.current() == imported["version"]

    made = weft("bank", "clean", "--yes")["made"]
    assert store.current() == made
    assert store.manifest().parent == imported["version"]
    aside = weft("bank", "restore-samples")
    assert [row["reason"] for row in aside] == ["across", "across"]
    back = weft("bank", "restore-samples", aside[0]["id"])
    assert back["restored"] == [aside[0]["id"]]
    assert store.manifest().counts.samples == 29


def test_a_full_disk_leaves_the_bank_in_force(
    weft: Weft, settings: Settings, legacy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = weft("bank", "import", str(legacy), "--model", MODEL)["version"]

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    assert weft("bank", "clean", "--yes", code=output.FAILED)["error"]["code"] == "disk_full"
    monkeypatch.undo()
    store = BankStore(settings)
    assert store.current() == before
    assert [row.version for row in store.list()] == [before]
    assert [path.name for path in store.root.iterdir() if path.name.startswith(".new-")] == []
