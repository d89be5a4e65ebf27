"""What a look at a collection's folders finds: rules, links, parts that cannot be read, names, times, growing files."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.collections.collection import Collection, Rules, checked_folders, checked_rules
from shared.collections.index import Index
from shared.collections.listing import FolderGone, Listing
from shared.collections.look import Look
from shared.collections.runs import Run, RunState
from shared.core.errors import InvalidRequest
from tests.collections_harness import write

NOBODY = 65534


def names(folder: Path, **rules: object) -> list[str]:
    listing = Listing(checked_rules(Rules.model_validate(rules)), [folder])
    return sorted(os.path.relpath(found.path, folder) for found in listing.below(str(folder)))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.jpg", "B.JPG", "c.png", "notes.txt", "wool/d.jpg", "wool/thumbs/d.jpg", "wool/x/y/e.jpg"):
        write(tmp_path / name, name)
    for name in (".secret/f.jpg", ".g.jpg", "._a.jpg", "@eaDir/a.jpg", ".@__thumb/a.jpg"):
        write(tmp_path / name, name)
    return tmp_path


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, ["B.JPG", "a.jpg", "c.png", "wool/d.jpg", "wool/thumbs/d.jpg", "wool/x/y/e.jpg"]),
        ({"depth": 0}, ["B.JPG", "a.jpg", "c.png"]),
        ({"depth": 1}, ["B.JPG", "a.jpg", "c.png", "wool/d.jpg"]),
        ({"formats": ["JPG "]}, ["B.JPG", "a.jpg", "wool/d.jpg", "wool/thumbs/d.jpg", "wool/x/y/e.jpg"]),
        ({"exclude": ["thumbs/"], "depth": 2}, ["B.JPG", "a.jpg", "c.png", "wool/d.jpg"]),
        ({"include": ["wool/*"], "exclude": ["E.jpg", "THUMBS"]}, ["wool/d.jpg"]),
        ({"include": ["b.*"]}, ["B.JPG"]),
        ({"hidden": True, "depth": 1, "include": [".*"]}, [".g.jpg", ".secret/f.jpg"]),
    ],
)
def test_rules(tree: Path, rules: dict[str, object], expected: list[str]) -> None:
    assert names(tree, **rules) == expected


def test_links_are_followed_once_and_never_out(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    write(outside / "z.jpg", "z")
    (tree / "wool" / "up").symlink_to(tree)
    (tree / "wool" / "out").symlink_to(outside)
    (tree / "also.jpg").symlink_to(tree / "a.jpg")
    plain = names(tree)
    assert "also.jpg" in plain
    assert names(tree, links=True) == plain
    (tree / "deep").mkdir()
    (tree / "deep" / "wool").symlink_to(tree / "wool")
    write(tree / ".kept" / "k.jpg", "k")
    (tree / "shown").symlink_to(tree / ".kept")
    assert names(tree, links=True) == sorted([*plain, "shown/k.jpg"])


def test_folders_and_endings_are_checked(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    inner = checked_folders([str(tree / "wool"), str(tree), str(tree / "wool" / "x")], [tree])
    assert inner == (str(tree),)
    with pytest.raises(InvalidRequest, match="one allowed folder"):
        checked_folders([str(tree), str(other)], [tree, other])
    with pytest.raises(InvalidRequest, match="no folder"):
        checked_folders([str(tree / "silk")], [tree])
    with pytest.raises(InvalidRequest, match="not read as photos"):
        checked_rules(Rules(formats=("txt",)))


@contextmanager
def looking(folder: Path, index: Index, **rules: object) -> Iterator[Look]:
    run = index.runs.ask()
    index.runs.advance(run.id, RunState.WAITING, state=RunState.LOOKING)
    own = Collection(id="x", name="x", folders=(str(folder),), rules=Rules.model_validate(rules))
    yield Look(index, own, [folder], index.runs.find(run.id))
    index.runs.advance(run.id, RunState.LOOKING, RunState.SUBMITTING, state=RunState.DONE, ended=time.time())


def look(folder: Path, index: Index, settle: bool = True, **rules: object) -> tuple[dict[str, int], list[str]]:
    """Counts that are not 0, and unreadable parts; what is chosen becomes known."""
    with looking(folder, index, **rules) as looked:
        looked.look(lambda job: True)
        if settle:
            assert looked.plan(RunState.SUBMITTING)
            with index.transaction():
                index.settle("job")
        return {name: count for name, count in looked.counts.items() if count}, looked.parts


def test_a_part_that_cannot_be_read_stays_as_it_is_known() -> None:
    # A folder of its own, for pytest's may be read by their maker alone.
    folder = Path(tempfile.mkdtemp())
    try:
        write(folder / "photos" / "a.jpg", "a")
        write(folder / "photos" / "closed" / "b.jpg", "b")
        write(folder / "photos" / "closed.jpg", "c")
        for path in (folder, folder / "photos"):
            path.chmod(0o755)
        with Index(folder / "index.sqlite") as index:
            assert look(folder / "photos", index)[0] == {"found": 3, "new": 3, "chosen": 3}
            (folder / "photos" / "closed").chmod(0)
            root = os.geteuid() == 0
            if root:
                os.seteuid(NOBODY)
            try:
                with looking(folder / "photos", index) as looked:
                    looked.look(lambda job: True)
            finally:
                if root:
                    os.seteuid(0)
            assert looked.counts["gone"] == 0
            assert (looked.counts["found"], looked.counts["unchanged"], looked.counts["parts"]) == (2, 2, 1)
            assert looked.parts == [str(folder / "photos" / "closed")]
            (folder / "photos" / "closed").chmod(0o755)
    finally:
        shutil.rmtree(folder)


def test_an_empty_folder_is_only_gone_where_it_held_files(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    with Index(tmp_path / "index.sqlite") as index:
        assert look(folder, index) == ({}, [])
        write(folder / "a.jpg", "a")
        look(folder, index)
        (folder / "a.jpg").unlink()
        with looking(folder, index) as looked, pytest.raises(FolderGone):
            looked.look(lambda job: True)
        write(folder / "notes.txt", "someone was here")
        assert look(folder, index)[0] == {"gone": 1}
        assert index.counts() == {"present": 0, "gone": 1}


def test_a_file_that_grows_between_two_looks_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    write(folder / "done.jpg", "done")
    growing = write(folder / "growing.jpg", "so far")
    told = growing.stat()

    def grow() -> None:
        for n in range(40):
            growing.write_text("more" * (n + 3))
            # Copying tools give a file its old date from the beginning.
            os.utime(growing, ns=(told.st_atime_ns, told.st_mtime_ns))
            time.sleep(0.05)

    copying = threading.Thread(target=grow)
    with Index(tmp_path / "index.sqlite") as index:
        copying.start()
        found, _ = look(folder, index)
        copying.join()
        assert found == {"found": 2, "new": 1, "writing": 1, "chosen": 1}
        assert look(folder, index)[0] == {"found": 2, "new": 1, "unchanged": 1, "chosen": 1}


def test_a_date_in_the_future_is_no_reason_to_wait(tmp_path: Path) -> None:
    write(tmp_path / "photos" / "a.jpg", "a wrong clock", age=-86400)
    with Index(tmp_path / "index.sqlite") as index:
        assert look(tmp_path / "photos", index)[0] == {"found": 1, "new": 1, "chosen": 1}


def test_names_of_any_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    odd = os.fsencode(folder) + b"/\xd1\xf9\xc6\xb7.jpg"
    with open(odd, "w") as file:
        file.write("a name in GB18030")
    os.utime(odd, (1_700_000_000, 1_700_000_000))
    write(folder / "line\nend.jpg", "a line end")
    with Index(tmp_path / "index.sqlite") as index:
        assert look(folder, index)[0]["new"] == 2
        assert look(folder, index)[0] == {"found": 2, "unchanged": 2}


def test_a_replaced_look_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "photos" / "a.jpg", "a")
    with Index(tmp_path / "index.sqlite") as index, looking(tmp_path / "photos", index) as looked:
        looked.look(lambda job: True)
        run: Run = index.runs.list(1)[0]
        # Another process was quicker.
        index.runs.advance(run.id, RunState.LOOKING, state=RunState.SUBMITTING)
        assert not looked.plan(RunState.SUBMITTING)
        assert index.db.execute("SELECT count(*) FROM plan").fetchone()[0] == 0
