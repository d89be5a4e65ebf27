"""What the command line takes as photos, and how they get into storage."""

from __future__ import annotations

import hashlib
import os
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest

from scripts.cli.moments import Moment
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.intake.folders import is_below
from shared.jobs.intake.receive import receive
from shared.jobs.intake.sources import LocalFile, local_files
from shared.jobs.intake.submission import default_name
from shared.storage import open_storage


def _file(path: Path, content: bytes = b"photo") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_folder_gives_its_photos_at_any_depth_in_order(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/z.PNG", "a/notes.txt", "布/棉.webp"):
        _file(tmp_path / "night" / name)
    names = [file.name for file in local_files([tmp_path / "night"])]
    assert names == ["night/b.jpg", "night/a/z.PNG", "night/布/棉.webp"]


def test_a_named_file_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    assert local_files([_file(tmp_path / "scan.dat")]) == [LocalFile("scan.dat", tmp_path / "scan.dat")]


def test_nothing_to_submit_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        local_files([tmp_path])
    assert caught.value.code == "no_files"
    with pytest.raises(InvalidRequest) as caught:
        local_files([tmp_path / "gone"])
    assert caught.value.code == "path_missing"


def test_files_become_blobs_under_their_hash_once(tmp_path: Path, settings: Settings) -> None:
    storage = open_storage(settings)
    files = [LocalFile(name, _file(tmp_path / name, content)) for name, content in (("a.jpg", b"1"), ("b.jpg", b"1"))]
    items = receive(files, storage, settings)
    assert [(item.index, item.name, item.size) for item in items] == [(0, "a.jpg", 1), (1, "b.jpg", 1)]
    assert items[0].sha256 == items[1].sha256 == hashlib.sha256(b"1").hexdigest()
    assert storage.read(items[0].sha256 or "") == b"1"
    assert list(storage.spool_dir().iterdir()) == []


def test_zip_members_stand_in_their_archives_place(tmp_path: Path, settings: Settings) -> None:
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("in/one.jpg", b"1")
        made.writestr("in/two.jpg", b"2")
    files = [LocalFile("a.jpg", _file(tmp_path / "a.jpg")), LocalFile("more.zip", archive)]
    items = receive(files, open_storage(settings), settings)
    assert [item.name for item in items] == ["a.jpg", "in/one.jpg", "in/two.jpg"]


def test_more_files_than_allowed_are_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", max_upload_files=1)
    files = [LocalFile(name, _file(tmp_path / name)) for name in ("a.jpg", "b.jpg")]
    with pytest.raises(InvalidRequest) as caught:
        receive(files, open_storage(settings), settings)
    assert caught.value.code == "too_many_files"


def test_of_a_file_over_the_limit_just_enough_is_kept_to_refuse_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", max_photo_bytes=10)
    items = receive([LocalFile("a.jpg", _file(tmp_path / "a.jpg", b"x" * 99))], open_storage(settings), settings)
    assert items[0].size == 11


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(InvalidRequest, match=r"gone\.jpg"):
        receive([LocalFile("gone.jpg", tmp_path / "gone.jpg")], open_storage(settings), settings)


def test_only_folders_below_a_root_go_by_reference(tmp_path: Path) -> None:
    root = tmp_path / "root"
    inside, outside = root / "night", tmp_path / "elsewhere"
    inside.mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    settings = Settings(data_dir=tmp_path / "data", folder_roots=os.pathsep.join([str(root), str(tmp_path / "none")]))
    assert is_below(inside, settings.roots)
    assert is_below(root, settings.roots)
    assert not is_below(outside, settings.roots)
    assert not is_below(root / "link", settings.roots)


def test_a_time_of_day_means_the_next_one() -> None:
    soon, past = datetime.now() + timedelta(minutes=2), datetime.now() - timedelta(minutes=2)
    for moment in (soon, past):
        at = datetime.fromtimestamp(Moment().convert(moment.strftime("%H:%M"), None, None))
        assert datetime.now() < at <= datetime.now() + timedelta(days=1)
        assert (at.hour, at.minute) == (moment.hour, moment.minute)


def test_a_date_and_time_is_taken_as_it_is() -> None:
    assert Moment().convert("2030-05-01 22:00", None, None) == datetime(2030, 5, 1, 22).timestamp()
    with pytest.raises(click.BadParameter):
        Moment().convert("tonight", None, None)


@pytest.mark.parametrize(
    ("sent", "photos", "name"),
    [
        (["a.jpg"], 1, "a.jpg"),
        (["roll.zip"], 40, "roll.zip"),
        (["a.jpg", "b.jpg"], 2, "a.jpg +1"),
        (["a.jpg", "roll.zip"], 41, "a.jpg +40"),
        (["night/a.jpg"], 1, "night"),
        (["night/a.jpg", "night/in/b.jpg"], 2, "night"),
        (["night/a.jpg", "day/b.jpg"], 2, "a.jpg +1"),
        (["../a.jpg"], 1, "a.jpg"),
    ],
)
def test_a_job_is_named_after_what_was_sent(sent: list[str], photos: int, name: str) -> None:
    assert default_name(sent, photos) == name
