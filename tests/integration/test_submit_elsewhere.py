"""`weft submit` to a server elsewhere: what it has is not sent; wrong addresses, keys and photos are told in words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.cli.remote import sending
from shared.access.keys import Keys
from tests.elsewhere import KEY, Elsewhere, contents, sha, some_photos
from tests.front import Front, front
from tests.product import eventually


def test_what_the_server_has_is_not_sent(far: Elsewhere, before: Front, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "first", 90)
    (folder / "notes.txt").write_text("no photo")
    (folder / ".DS_Store").write_text("clutter")
    job, said = far.submit(folder, "--name", "far", url=before.url)
    assert "90 photos: the server has 0; 90 to send (0.3 MB)." in said
    assert "Left out: 1 .txt." in said
    assert (job["name"], job["total"], job["preset"]) == ("far", 90, "standard")
    assert job["upload"] == {"known": 0, "sent": 90, "gone": 0, "unreadable": 0, "growing": 0}
    assert far.items(job["id"]) == contents(folder)
    some_photos(folder, 93)
    before.seen.clear()
    job, said = far.submit(folder, "--name", "far", url=before.url)
    assert "93 photos: the server has 90; 3 to send (0.0 MB)." in said
    assert sum(path.endswith("/photos") for _, path in before.seen) == 1
    assert far.items(job["id"]) == contents(folder)


def test_a_wrong_key_or_bank_is_told_before_anything_is_read(far: Elsewhere, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "refused", 3)
    (far.home / "key").write_text(Keys.of(far.settings).add("reader", ["read"]) + "\n")
    for chosen, code, told in (
        ({"key": "another-key-of-16-letters"}, "key_needed", "WEFT_KEY"),
        ({"key": ""}, "key_needed", "WEFT_KEY"),
        ({"key": "", "key_file": str(far.home / "key")}, "not_allowed", "submit"),
    ):
        done = far.weft("submit", folder, "--json", **chosen)
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["error"]["code"] == code
        assert told in done.stderr
        assert "photos:" not in done.stderr
    done = far.weft("submit", folder, "--bank", "no-such-bank")
    assert done.returncode == 1
    assert "no-such-bank" in done.stderr
    assert not [job for job in far.jobs() if job.name == "refused"]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://127.0.0.1:9", "cannot be reached"),
        ("http://no-such-host.invalid", "no host of that name"),
        ("https://127.0.0.1:{port}", "no secure connection"),
        ("http://127.0.0.1:{port}/elsewhere", "There is no Weft at"),
        ("weft.example.org", "not the address of a server"),
    ],
)
def test_a_wrong_address_is_told_at_once(far: Elsewhere, tmp_path: Path, address: str, told: str) -> None:
    folder = some_photos(tmp_path / "nowhere", 1)
    done = far.weft("submit", folder, url=address.format(port=far.port))
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_proxy_that_is_away_is_named(far: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    done = far.weft("submit", some_photos(tmp_path / "proxied", 1), url="http://weft.example.org")
    assert "the proxy that this machine is set to does not answer" in done.stderr


def test_below_a_path_of_a_proxy(far: Elsewhere, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "below", 3)
    with front(far.port, "/fabrics/weft") as below:
        job, _ = far.submit(folder, url=f"{below.url}/")
    assert far.items(job["id"]) == contents(folder)


def test_a_proxy_that_takes_no_large_bodies_ends_it(far: Elsewhere, before: Front, tmp_path: Path) -> None:
    before.instead = lambda method, path: (413, {}) if path.endswith("/photos") else None
    done = far.weft("submit", some_photos(tmp_path / "small", 3), url=before.url)
    assert done.returncode == 1
    assert "A proxy before" in done.stderr
    assert sum(path.endswith("/photos") for _, path in before.seen) == 1


def test_photos_that_change_while_they_are_sent(
    far: Elsewhere,
    here: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Edited ones are sent as they are; deleted, unreadable and growing ones are left out, and named."""
    folder = some_photos(tmp_path / "moving", 8)
    monkeypatch.setattr(sending, "SETTLED_SECONDS", 0.05)
    send = sending.Sending.send
    growing = folder / "0003.jpg"
    read = sending.Sending._settled

    def settled(self: sending.Sending, photo: sending.Photo, once: Callable[[], str]) -> bool:
        def grown() -> str:
            if photo.path == str(growing):
                with growing.open("ab") as file:
                    file.write(b"more")
            return once()

        return read(self, photo, grown)

    def changed(self: sending.Sending) -> None:
        (folder / "0000.jpg").write_bytes(b"\xff\xd8\xffedited")
        (folder / "0001.jpg").unlink()
        (folder / "0002.jpg").unlink()
        (folder / "0002.jpg").mkdir()
        send(self)

    monkeypatch.setattr(sending.Sending, "send", changed)
    monkeypatch.setattr(sending.Sending, "_settled", settled)
    assert here("submit", folder, "--json") == 3
    printed = capfd.readouterr()
    job = json.loads(printed.out)
    assert job["upload"] == {"known": 0, "sent": 5, "gone": 1, "unreadable": 1, "growing": 1}
    for told in (
        "deleted or moved meanwhile: 1 (moving/0001.jpg).",
        "cannot be read: 1 (moving/0002.jpg).",
        "still being written; run the command again later: 1 (moving/0003.jpg).",
        "Changed meanwhile, and sent as they are now: 1 (moving/0000.jpg).",
    ):
        assert told in printed.err
    assert far.items(job["id"]) == [(f"moving/{n:04}.jpg", sha(folder / f"{n:04}.jpg")) for n in (0, 4, 5, 6, 7)]


def test_names_of_all_kinds(far: Elsewhere, tmp_path: Path) -> None:
    folder = tmp_path / "名字"
    folder.mkdir()
    names = ["布 料.jpg", 'quote".jpg', "line\nbreak.jpg", "emoji 🧵.jpg", "percent%22.jpg"]
    for number, name in enumerate(names):
        (folder / name).write_bytes(b"\xff\xd8\xff" + str(number).encode() * 100)
    with open(os.fsencode(folder) + "/棉布.jpg".encode("gb18030"), "wb") as file:
        file.write(b"\xff\xd8\xffgbk")
    job, _ = far.submit(folder)
    shown = {name for name, _ in far.items(job["id"])}
    assert {"名字/布 料.jpg", "名字/emoji 🧵.jpg", "名字/棉布.jpg", "名字/linebreak.jpg"} <= shown
    assert '名字/quote".jpg' in shown
    assert job["total"] == len(shown) == 6


def test_nothing_to_send_is_told(far: Elsewhere, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = far.weft("submit", tmp_path / "empty")
    assert (done.returncode, done.stderr.strip()) == (1, "No photos were sent.")
    (tmp_path / "empty" / "a.txt").write_text("a")
    assert "There are no photos in what was sent" in far.weft("submit", tmp_path / "empty").stderr
    assert far.weft("submit", tmp_path / "gone").returncode == 2


def test_the_key_is_nowhere_in_what_is_kept(far: Elsewhere, tmp_path: Path) -> None:
    far.submit(some_photos(tmp_path / "kept", 2))
    kept = [path for path in far.home.rglob("*") if path.is_file() and path.name != "key"]
    assert kept
    assert all(KEY.encode() not in path.read_bytes() for path in kept)
    eventually(lambda: all(path.stat().st_mode & 0o077 == 0 for path in kept), what="private files")
