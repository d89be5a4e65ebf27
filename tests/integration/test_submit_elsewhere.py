"""`weft submit` to a server elsewhere: what it has is not sent, what stops it is overcome, all is there once."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.cli import main as cli
from scripts.cli.remote import sending, server
from shared.access.keys import Keys
from tests.cutting_proxy import CuttingProxy
from tests.elsewhere import KEY, Elsewhere, elsewhere, some_photos
from tests.front import Front, front
from tests.product import WEFT, eventually


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    with elsewhere(tmp_path_factory.mktemp("elsewhere")) as running:
        yield running


@pytest.fixture
def before(site: Elsewhere) -> Iterator[Front]:
    with front(site.port) as made:
        yield made


@pytest.fixture
def here(site: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The client in this process, so that a test can step in between; returns the exit code."""

    def run(*line: str | Path) -> int:
        return cli.run(list(map(str, line)))

    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    return run


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(folder: Path) -> list[tuple[str, str]]:
    return [(f"{folder.name}/{path.name}", sha(path)) for path in sorted(folder.iterdir()) if path.suffix == ".jpg"]


def test_what_the_server_has_is_not_sent(site: Elsewhere, before: Front, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "first", 90)
    (folder / "notes.txt").write_text("no photo")
    (folder / ".DS_Store").write_text("clutter")
    job, said = site.submit(folder, "--name", "far", url=before.url)
    assert "90 photos: the server has 0; 90 to send (0.3 MB)." in said
    assert "Left out: 1 .txt." in said
    assert (job["name"], job["total"], job["preset"]) == ("far", 90, "standard")
    assert job["upload"] == {"known": 0, "sent": 90, "gone": 0, "unreadable": 0, "growing": 0}
    assert site.items(job["id"]) == contents(folder)
    some_photos(folder, 93)
    before.seen.clear()
    job, said = site.submit(folder, "--name", "far", url=before.url)
    assert "93 photos: the server has 90; 3 to send (0.0 MB)." in said
    assert sum(path.endswith("/photos") for _, path in before.seen) == 1
    assert site.items(job["id"]) == contents(folder)


def test_a_wrong_key_or_bank_is_told_before_anything_is_read(site: Elsewhere, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "refused", 3)
    (site.home / "key").write_text(Keys.of(site.settings).add("reader", ["read"]) + "\n")
    for chosen, code, told in (
        ({"key": "another-key-of-16-letters"}, "key_needed", "WEFT_KEY"),
        ({"key": ""}, "key_needed", "WEFT_KEY"),
        ({"key": "", "key_file": str(site.home / "key")}, "not_allowed", "submit"),
    ):
        done = site.weft("submit", folder, "--json", **chosen)
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["error"]["code"] == code
        assert told in done.stderr
        assert "photos:" not in done.stderr
    done = site.weft("submit", folder, "--bank", "no-such-bank")
    assert done.returncode == 1
    assert "no-such-bank" in done.stderr
    assert not [job for job in site.jobs() if job.name == "refused"]


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
def test_a_wrong_address_is_told_at_once(site: Elsewhere, tmp_path: Path, address: str, told: str) -> None:
    folder = some_photos(tmp_path / "nowhere", 1)
    done = site.weft("submit", folder, url=address.format(port=site.port))
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_proxy_that_is_away_is_named(site: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    done = site.weft("submit", some_photos(tmp_path / "proxied", 1), url="http://weft.example.org")
    assert "the proxy that this machine is set to does not answer" in done.stderr


def test_below_a_path_of_a_proxy(site: Elsewhere, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "below", 3)
    with front(site.port, "/fabrics/weft") as below:
        job, _ = site.submit(folder, url=f"{below.url}/")
    assert site.items(job["id"]) == contents(folder)


def test_a_link_that_breaks_is_awaited(site: Elsewhere, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "tunnel", 300, size=20_000)
    link = CuttingProxy(site.port, bytes_per_second=20e6)
    link.cut_at([100_000, 2_000_000, 4_500_000], away_seconds=1.5)
    try:
        done = site.weft("submit", folder, "--lines", url=link.url)
    finally:
        link.close()
    assert done.returncode == 0, done.stderr
    assert link.cuts == 3
    assert done.stderr.count("The server does not answer. Trying again for up to 15 minutes.") >= 3
    assert "The server answers again." in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"plan", "sending", "lost", "back", "submitted"} <= {event["event"] for event in events}
    assert site.items(events[-1]["job"]["id"]) == contents(folder)


def test_a_slow_link_is_no_broken_one(
    site: Elsewhere,
    here: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A request takes longer than anybody waits for a part of it: 8 MB over a laptop's uplink."""
    monkeypatch.setattr(server, "_CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(server, "PATIENCE", 10.0)
    link = CuttingProxy(site.port, bytes_per_second=2e6)
    try:
        assert here("submit", some_photos(tmp_path / "uplink", 8, size=1_900_000), "--url", link.url) == 0
    finally:
        link.close()
    assert "Trying again" not in capfd.readouterr().err


def test_a_busy_server_is_awaited_as_it_asks(site: Elsewhere, before: Front, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "busy", 3)
    busy = [429, 503, 502]

    def refuse(method: str, path: str) -> tuple[int, dict[str, str]] | None:
        return (busy.pop(), {"Retry-After": "1"}) if path.endswith("/photos") and busy else None

    before.instead = refuse
    job, said = site.submit(folder, url=before.url)
    assert "Trying again" in said
    assert sum(path.endswith("/photos") for _, path in before.seen) == 4
    assert site.items(job["id"]) == contents(folder)


def test_a_proxy_that_takes_no_large_bodies_ends_it(site: Elsewhere, before: Front, tmp_path: Path) -> None:
    before.instead = lambda method, path: (413, {}) if path.endswith("/photos") else None
    done = site.weft("submit", some_photos(tmp_path / "small", 3), url=before.url)
    assert done.returncode == 1
    assert "A proxy before" in done.stderr
    assert sum(path.endswith("/photos") for _, path in before.seen) == 1


def test_patience_ends(
    here: Callable[..., int],
    before: Front,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.5)
    before.instead = lambda method, path: (503, {}) if path.endswith("/offer") else None
    assert here("submit", some_photos(tmp_path / "away", 2), "--url", before.url) == 1
    assert "Run the same command again" in capfd.readouterr().err


def test_interrupted_and_begun_again(site: Elsewhere, before: Front, tmp_path: Path) -> None:
    """Ctrl-C in the middle: the second run reads no photo twice and sends only what is missing."""
    folder = some_photos(tmp_path / "halves", 200)
    line = [*WEFT, "submit", str(folder)]
    sent = 0

    def slow(method: str, path: str) -> None:
        nonlocal sent
        if path.endswith("/photos"):
            sent += 1
            if sent == 3:
                running.send_signal(signal.SIGINT)

    before.instead = slow  # type: ignore[assignment]
    said = tmp_path / "said"
    with said.open("wb") as out:
        running = subprocess.Popen(line, env=site.environment(before.url), cwd=site.home, stderr=out, stdout=out)
        assert running.wait(120) == 130
    assert "Run the same command again to continue" in said.read_text()
    before.instead = lambda method, path: None
    before.seen.clear()
    job, told = site.submit(folder, url=before.url)
    assert job["upload"]["known"] >= 40
    assert "200 photos: the server has" in told
    # The same upload goes on.
    assert ("POST", "/api/v1/uploads") not in before.seen
    assert site.items(job["id"]) == contents(folder)
    assert [one.name for one in site.jobs()].count("halves") == 1


def test_an_answer_that_is_lost_makes_no_second_job(site: Elsewhere, before: Front, tmp_path: Path) -> None:
    """The client is killed after the server has accepted the job, before it hears of it."""
    folder = some_photos(tmp_path / "accepted", 5)

    def lose(method: str, path: str) -> bool:
        if path.endswith("/finish"):
            running.kill()
        return path.endswith("/finish")

    before.loses = lose
    running = subprocess.Popen([*WEFT, "submit", str(folder)], env=site.environment(before.url), cwd=site.home)
    assert running.wait(120) == -signal.SIGKILL
    before.loses = lambda method, path: False
    job, said = site.submit(folder, url=before.url)
    assert "had accepted this already" in said
    assert [one.id for one in site.jobs() if one.name == "accepted"] == [job["id"]]
    # From now on, the same command is another submission.
    assert site.submit(folder, url=before.url)[0]["id"] != job["id"]


def test_other_photos_after_a_lost_answer_are_another_job(site: Elsewhere, before: Front, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "more", 5)
    before.loses = lambda method, path: path.endswith("/finish") and not running.kill()
    running = subprocess.Popen([*WEFT, "submit", str(folder)], env=site.environment(before.url), cwd=site.home)
    assert running.wait(120) == -signal.SIGKILL
    before.loses = lambda method, path: False
    some_photos(folder, 7)
    job, _ = site.submit(folder, url=before.url)
    assert site.items(job["id"]) == contents(folder)
    assert sorted(one.total for one in site.jobs() if one.name == "more") == [5, 7]


def test_a_folder_that_shrank_meanwhile(site: Elsewhere, before: Front, tmp_path: Path) -> None:
    """What an earlier run sent and is no longer there is not in the job."""
    folder = some_photos(tmp_path / "shrunk", 120)
    before.loses = lambda method, path: path.endswith("/photos") and not running.kill()
    running = subprocess.Popen([*WEFT, "submit", str(folder)], env=site.environment(before.url), cwd=site.home)
    assert running.wait(120) == -signal.SIGKILL
    before.loses = lambda method, path: False
    for path in sorted(folder.iterdir())[60:]:
        path.unlink()
    for path in sorted(folder.iterdir())[:5]:
        path.write_bytes(path.read_bytes() + b"edited")
    job, _ = site.submit(folder, url=before.url)
    assert site.items(job["id"]) == contents(folder)


def test_photos_that_change_while_they_are_sent(
    site: Elsewhere,
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
    assert site.items(job["id"]) == [(f"moving/{n:04}.jpg", sha(folder / f"{n:04}.jpg")) for n in (0, 4, 5, 6, 7)]


def test_names_of_all_kinds(site: Elsewhere, tmp_path: Path) -> None:
    folder = tmp_path / "名字"
    folder.mkdir()
    names = ["布 料.jpg", 'quote".jpg', "line\nbreak.jpg", "emoji 🧵.jpg", "percent%22.jpg"]
    for number, name in enumerate(names):
        (folder / name).write_bytes(b"\xff\xd8\xff" + str(number).encode() * 100)
    with open(os.fsencode(folder) + "/棉布.jpg".encode("gb18030"), "wb") as file:
        file.write(b"\xff\xd8\xffgbk")
    job, _ = site.submit(folder)
    shown = {name for name, _ in site.items(job["id"])}
    assert {"名字/布 料.jpg", "名字/emoji 🧵.jpg", "名字/棉布.jpg", "名字/linebreak.jpg"} <= shown
    assert '名字/quote".jpg' in shown
    assert job["total"] == len(shown) == 6


def test_archives_and_large_files_go_on_in_parts(site: Elsewhere, before: Front, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "large", 3)
    many, bad = tmp_path / "many.zip", tmp_path / "bad.zip"
    with zipfile.ZipFile(many, "w") as archive:
        archive.writestr("in.jpg", os.urandom(40 << 20))
    (folder / "huge.tif").write_bytes(os.urandom(17 << 20))
    parts = 0

    def kill_late(method: str, path: str) -> bool:
        nonlocal parts
        parts += method == "POST" and path.endswith("/parts")
        if parts == 5:
            running.kill()
        return parts == 5

    before.loses = kill_late
    line = [*WEFT, "submit", str(many), str(folder)]
    running = subprocess.Popen(line, env=site.environment(before.url), cwd=site.home)
    assert running.wait(120) == -signal.SIGKILL
    before.loses = lambda method, path: False
    before.seen.clear()
    job, _ = site.submit(many, folder, url=before.url)
    assert sum(seen[0] == "POST" and seen[1].endswith("/parts") for seen in before.seen) <= 5
    assert job["upload"]["known"] + job["upload"]["sent"] == 5
    # Archives are unpacked later; what they announce counts.
    assert job["total"] == 5
    bad.write_bytes(b"PK\x03\x04 no zip")
    done = site.weft("submit", bad, folder)
    assert done.returncode == 1
    assert "bad.zip" in done.stderr


def test_nothing_to_send_is_told(site: Elsewhere, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = site.weft("submit", tmp_path / "empty")
    assert (done.returncode, done.stderr.strip()) == (1, "No photos were sent.")
    (tmp_path / "empty" / "a.txt").write_text("a")
    assert "There are no photos in what was sent" in site.weft("submit", tmp_path / "empty").stderr
    assert site.weft("submit", tmp_path / "gone").returncode == 2


def test_the_key_is_nowhere_in_what_is_kept(site: Elsewhere, tmp_path: Path) -> None:
    site.submit(some_photos(tmp_path / "kept", 2))
    kept = [path for path in site.home.rglob("*") if path.is_file() and path.name != "key"]
    assert kept
    assert all(KEY.encode() not in path.read_bytes() for path in kept)
    eventually(lambda: all(path.stat().st_mode & 0o077 == 0 for path in kept), what="private files")
