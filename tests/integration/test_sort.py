"""`weft sort` on finished jobs of a running product: links and copies, again, killed, changed and undone."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from scripts.cli import main as cli
from shared.jobs.projection import open_projection
from shared.jobs.reviews import Review, ReviewState
from shared.jobs.sorting import tree as trees
from tests.product import ROOT, Product, make_photos

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def originals(product: Product) -> Path:
    """Photos of a folder of the server; one of them is none."""
    folder = make_photos(product.photos / "sort", classes=2, each=3)
    (folder / "again").mkdir()
    (folder / "again/0.jpg").write_bytes((folder / "stripe-0/0.jpg").read_bytes() + b"another")
    return folder


@pytest.fixture
def weft(product: Product, capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str | Path, code: int = 0) -> Any:
        capfd.readouterr()
        got = cli.run([*map(str, arguments), "--json", "--data-dir", str(product.settings.data_dir)])
        out, err = capfd.readouterr()
        assert got == code, out + err
        return json.loads(out) if out.strip() else err

    return run


@pytest.fixture
def job(product: Product, originals: Path, weft: Run) -> str:
    """A finished folder job: classes are those of the null engine; photo 1 is rejected."""
    made = weft("submit", originals, "--watch")
    assert made["kind"] == "folder"
    with closing(open_projection(product.settings, made["id"])) as projection:
        for index, label in ((0, "stripe-1"), (2, "stripe-0"), (3, "stripe-0"), (4, "stripe-1")):
            projection.review(index, Review(label=label))
        projection.review(1, Review(ReviewState.REJECTED))
    found: str = made["id"]
    return found


def state(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything that an original could lose."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        found[str(path)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_mode)
    return found


def photos(folder: Path) -> dict[str, Path]:
    """What is in a tree, without what Weft keeps there for itself."""
    parts = (str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
    return {part: folder / part for part in sorted(parts) if not part.startswith(".weft-sort")}


@pytest.mark.parametrize("way", ["link", "hardlink", "copy"])
def test_a_tree_by_class_made_once_and_undone(way: str, job: str, originals: Path, weft: Run, tmp_path: Path) -> None:
    before, target = state(originals), tmp_path / "sorted"
    dry = weft("sort", job, "--into", target, "--by", way, "--dry-run")
    assert not target.exists()
    told = weft("sort", job, "--into", target, "--by", way)
    assert (told["made"], told["kept"], told["problems"]) == (7, 0, {})
    assert dry["folders"] == told["folders"]
    made = photos(target)
    assert {name.split("/")[0] for name in made} >= {"stripe-0", "stripe-1", "_not-a-fabric"}
    for path in made.values():
        assert path.is_symlink() == (way == "link")
        assert (path.stat().st_nlink > 1) == (way == "hardlink")
    # Two photos of one name in one class.
    assert sorted(path.read_bytes() for path in made.values()) == sorted(
        path.read_bytes() for path in originals.rglob("*.jpg")
    )
    again = weft("sort", job, "--into", target, "--by", way)
    assert (again["made"], again["kept"], again["moved"]) == (0, 7, 0)
    own = target / "stripe-0" / "mine.txt"
    own.write_text("mine")
    undone = weft("sort", job, "--into", target, "--undo")
    assert (undone["removed"], undone["left"]) == (7, 0)
    assert list(photos(target)) == ["stripe-0/mine.txt"]
    assert state(originals) == before


#: Runs `weft sort` and kills it at the so-manieth call of a function.
KILLED = """
import os, signal, sys
from scripts.cli import main
from shared.jobs.sorting.manifest import Manifest
from shared.jobs.sorting.sources import Sources
where, left = sys.argv[1], int(sys.argv[2])
owner, name = {"rename": (os, "rename"), "commit": (Manifest, "commit"), "copy": (Sources, "copy")}[where]
real = getattr(owner, name)
def called(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
setattr(owner, name, called)
main.main(sys.argv[3:])
"""


def killed(product: Product, where: str, call: int, *arguments: str | Path) -> None:
    line = [sys.executable, "-c", KILLED, where, str(call), *map(str, arguments)]
    done = subprocess.run(line, env=product.env, cwd=ROOT, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_run_that_is_killed_goes_on(product: Product, weft: Run, tmp_path: Path) -> None:
    """Killed while it copies, before and after it writes down, and while it places; in the end all is there once."""
    folder = make_photos(product.photos / "many", classes=4, each=100)
    job = weft("submit", folder, "--watch")["id"]
    target = tmp_path / "sorted"
    line = ("sort", job, "--into", target, "--by", "copy")
    for where, call, placed in (("copy", 30, 0), ("commit", 1, 0), ("rename", 50, 49), ("commit", 2, 200)):
        killed(product, where, call, *line)
        assert len(photos(target)) == placed
    told = weft(*line)
    assert (told["made"], told["kept"], told["changed"], told["problems"]) == (200, 200, 0, {})
    assert not any((target / trees.PARTS).iterdir())
    assert sorted(path.read_bytes() for path in photos(target).values()) == sorted(
        path.read_bytes() for path in folder.rglob("*.jpg")
    )
    with closing(open_projection(product.settings, job)) as projection:
        others = sum(item["final_label"] != "stripe-3" for item in projection.at(range(100)))
        projection.review_many(range(100), Review(label="stripe-3"))
    # Files that were moved, and not written down.
    killed(product, "rename", 60, *line)
    assert weft(*line)["moved"] == others
    assert weft(*line)["kept"] == len(photos(target)) == 400
    assert weft("sort", job, "--into", target, "--undo")["removed"] == 400
    assert not target.exists()


@pytest.mark.parametrize("way", ["link", "copy"])
def test_a_photo_whose_class_changed_is_moved(way: str, job: str, product: Product, weft: Run, tmp_path: Path) -> None:
    target = tmp_path / "sorted"
    weft("sort", job, "--into", target, "--by", way, "--template", "{class}/{index}-{name}", "--xmp")
    old = next(path for name, path in photos(target).items() if "/2-" in name and not name.endswith(".xmp"))
    with closing(open_projection(product.settings, job)) as projection:
        projection.review(2, Review(label="stripe-1"))
    told = weft("sort", job, "--into", target, "--by", way, "--template", "{class}/{index}-{name}", "--xmp")
    assert (told["moved"], told["made"], told["kept"], told["sidecars"]) == (1, 0, 6, 1)
    assert not os.path.lexists(old)
    assert not os.path.lexists(f"{old}.xmp")
    assert os.path.lexists(target / "stripe-1" / old.name)
    assert "stripe-1" in (target / "stripe-1" / f"{old.name}.xmp").read_text("utf-8")


def test_what_people_changed_is_left_alone(job: str, weft: Run, tmp_path: Path) -> None:
    target = tmp_path / "sorted"
    weft("sort", job, "--into", target, "--by", "copy", "--xmp")
    edited, note = sorted(path for name, path in photos(target).items() if name.startswith("stripe-0/"))[:2]
    edited.write_bytes(b"edited")
    note.write_text("with a comment")
    told = weft("sort", job, "--into", target, "--by", "copy", "--xmp")
    assert (told["kept"], told["changed"], told["made"], told["sidecars"]) == (7, 1, 0, 0)
    undone = weft("sort", job, "--into", target, "--undo")
    assert undone["left"] == 2
    assert list(photos(target).values()) == [edited, note]
    assert (edited.read_bytes(), note.read_text()) == (b"edited", "with a comment")


def test_nothing_is_replaced_or_reached_through_a_link(job: str, weft: Run, tmp_path: Path) -> None:
    target, outside = tmp_path / "sorted", tmp_path / "outside"
    outside.mkdir()
    target.mkdir()
    (target / "stripe-0").symlink_to(outside)
    (target / "stripe-1").mkdir()
    (target / "stripe-1/0.jpg").write_bytes(b"mine")
    told = weft("sort", job, "--into", target, code=1)
    assert told["problems"]["in_the_way"] == told["folders"].get("stripe-0", 0) + 7 - told["made"]
    assert list(outside.iterdir()) == []
    assert (target / "stripe-1/0.jpg").read_bytes() == b"mine"


def test_a_photo_that_is_another_now_is_not_copied(job: str, originals: Path, weft: Run, tmp_path: Path) -> None:
    photo = originals / "again/0.jpg"
    before = photo.read_bytes()
    gone = originals / "stripe-1/2.jpg"
    kept = gone.read_bytes()
    try:
        photo.write_bytes(before + b"!")
        gone.unlink()
        told = weft("sort", job, "--into", tmp_path / "sorted", "--by", "copy", code=1)
    finally:
        photo.write_bytes(before)
        gone.write_bytes(kept)
    assert told["problems"] == {"changed": 1, "missing": 1}
    assert told["named"] == {"changed": ["again/0.jpg"], "missing": ["stripe-1/2.jpg"]}


def test_no_tree_in_or_around_the_originals(job: str, originals: Path, product: Product, weft: Run) -> None:
    for target in (originals / "sorted", originals, originals.parent, product.settings.data_dir / "sorted"):
        assert weft("sort", job, "--into", target, code=1)["error"]["code"] == "sort_target"
    assert not (originals / "sorted").exists()


def test_sidecars_beside_the_originals(job: str, originals: Path, weft: Run, tmp_path: Path) -> None:
    before = state(originals)
    foreign = originals / "stripe-1/1.jpg.xmp"
    foreign.write_text("of another program")
    try:
        told = weft("sort", job, "--into", tmp_path / "sorted", "--sidecars-beside-originals")
        made = set(originals.rglob("*.xmp")) - {foreign}
        assert (told["sidecars"], told["sidecars_refused"]) == (len(made), 1)
        words = ElementTree.parse(next(iter(made))).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")
        assert next(words).text in ("stripe-0", "stripe-1")
        assert foreign.read_text() == "of another program"
        weft("sort", job, "--into", tmp_path / "sorted", "--undo")
    finally:
        foreign.unlink()
    assert {name: seen[:3] for name, seen in state(originals).items() if name.endswith(".jpg")} == {
        name: seen[:3] for name, seen in before.items() if name.endswith(".jpg")
    }
    assert not list(originals.rglob("*.xmp"))


def test_uploads_are_copied(product: Product, originals: Path, weft: Run, tmp_path: Path) -> None:
    job = weft("submit", originals, "--copy", "--watch")
    assert job["kind"] == "upload"
    target = tmp_path / "sorted"
    assert (
        weft("sort", job["id"], "--into", target, "--by", "link", code=1)["error"]["code"] == "sort_uploads_are_copied"
    )
    told = weft("sort", job["id"], "--into", target)
    assert (told["made"], told["by"]) == (7, "copy")
    assert sorted(path.read_bytes() for path in photos(target).values()) == sorted(
        path.read_bytes() for path in originals.rglob("*.jpg")
    )


def test_an_original_that_is_a_link_gets_a_hard_link_to_its_photo(
    product: Product, originals: Path, weft: Run, tmp_path: Path
) -> None:
    folder = product.photos / "linked"
    folder.mkdir()
    (folder / "a.jpg").symlink_to(originals / "stripe-0/1.jpg")
    job = weft("submit", folder, "--watch")["id"]
    weft("sort", job, "--into", tmp_path / "sorted", "--by", "hardlink")
    [made] = photos(tmp_path / "sorted").values()
    assert not made.is_symlink()
    assert made.samefile(originals / "stripe-0/1.jpg")
    assert weft("sort", job, "--into", tmp_path / "sorted", "--undo")["removed"] == 1


def test_one_run_at_a_time(job: str, weft: Run, tmp_path: Path) -> None:
    target = tmp_path / "sorted"
    (target / trees.PARTS).mkdir(parents=True)
    held = os.open(target / trees.PARTS, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert weft("sort", job, "--into", target, code=1)["error"]["code"] == "sort_running"
    finally:
        os.close(held)
    assert weft("sort", job, "--into", target)["made"] == 7
