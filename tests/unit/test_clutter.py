"""What is no photo: one rule for folders, archives and selections, counted by kind and told in one sentence."""

from __future__ import annotations

from collections import Counter

import pytest

from shared.jobs.notes import left_out_sentence
from shared.photos import clutter


@pytest.mark.parametrize(
    "path",
    [
        "Thumbs.db", "a/.DS_Store", "a/._1.jpg", "__MACOSX/a/._1.jpg", "Desktop.ini", "a/@eaDir/1.jpg/SYNOPHOTO.jpg",
        "#recycle/1.jpg", "@Recycle/1.jpg", ".@__thumb/s1001.jpg", "$RECYCLE.BIN/S-1/x.jpg", "lost+found/1.jpg",
        "System Volume Information/x.jpg", ".git/1.jpg", "README", "a/ReadMe.txt", "readme.md",
    ],
)  # fmt: skip
def test_what_belongs_to_a_system(path: str) -> None:
    assert clutter.left_out_kind(path) == clutter.SYSTEM


@pytest.mark.parametrize(
    "path",
    [
        "a.jpg",
        "../../a.jpg",
        "./a.JPG",
        "Thumbs.db.jpg",
        "readme.jpg",
        "a#recycle/1.jpg",
        "recycle/1.jpg",
        "…/面料.png",
    ],
)
def test_photos(path: str) -> None:
    assert clutter.left_out_kind(path) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [("a/1.XMP", ".xmp"), ("1.aae", ".aae"), ("x.thm", ".thm"), ("IMG.MOV", ".mov"), ("list", clutter.NO_ENDING),
     ("version 2. final draft of all", clutter.NO_ENDING)],
)  # fmt: skip
def test_the_rest_counts_by_its_ending(path: str, kind: str) -> None:
    assert clutter.left_out_kind(path) == kind


def test_one_sentence_the_most_frequent_first() -> None:
    left_out = Counter({".mp4": 3, clutter.SYSTEM: 400, ".xmp": 12, clutter.UNREADABLE_FOLDER: 1, clutter.NO_ENDING: 2})
    assert left_out_sentence(left_out, "en") == (
        "Left out: 12 .xmp, 3 .mp4, 2 without an extension, 1 unreadable folders."
    )
    assert left_out_sentence(left_out, "zh") == (
        "未纳入：12 个 .xmp、3 个 .mp4、2 个无扩展名的文件、1 个无法读取的文件夹。"
    )
    assert left_out_sentence({clutter.SYSTEM: 5}) is None


def test_a_thousand_kinds_stay_one_short_record() -> None:
    left_out: Counter[str] = Counter()
    for n in range(1000):
        clutter.count(left_out, f".x{n}")
    assert sum(left_out.values()) == 1000
    assert len(left_out) == clutter.MAX_KINDS + 1
    sentence = left_out_sentence(left_out, "en")
    assert sentence is not None
    assert sentence.endswith(" others.")
    assert len(sentence) < 150
