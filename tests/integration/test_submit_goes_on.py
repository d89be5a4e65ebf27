"""`weft submit` to a server elsewhere, over bad links and after every interruption: one job, with every photo once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.cli.remote import server
from tests.cutting_proxy import CuttingProxy
from tests.elsewhere import Elsewhere, contents, some_photos
from tests.front import Front
from tests.product import WEFT

pytestmark = pytest.mark.slow


def killed_before_the_answer(far: Elsewhere, before: Front, folder: Path, ending: str) -> None:
    """Submits; the client is killed when the server has answered a request to such a path, before it hears of it."""

    def lose(method: str, path: str) -> bool:
        if path.endswith(ending):
            running.kill()
        return path.endswith(ending)

    before.loses = lose
    running = subprocess.Popen([*WEFT, "submit", str(folder)], env=far.environment(before.url), cwd=far.home)
    assert running.wait(120) == -signal.SIGKILL
    before.loses = lambda method, path: False


def test_a_link_that_breaks_is_awaited(far: Elsewhere, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "tunnel", 300, size=20_000)
    link = CuttingProxy(far.port, bytes_per_second=20e6)
    link.cut_at([100_000, 2_000_000, 4_500_000], away_seconds=1.5)
    try:
        done = far.weft("submit", folder, "--lines", url=link.url)
    finally:
        link.close()
    assert done.returncode == 0, done.stderr
    assert link.cuts == 3
    assert done.stderr.count("The server does not answer. Trying again for up to 15 minutes.") >= 3
    assert "The server answers again." in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"plan", "sending", "lost", "back", "submitted"} <= {event["event"] for event in events}
    assert far.items(events[-1]["job"]["id"]) == contents(folder)


def test_a_slow_link_is_no_broken_one(
    far: Elsewhere,
    here: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A request takes longer than anybody waits for a part of it: 8 MB over a laptop's uplink."""
    monkeypatch.setattr(server, "_CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(server, "PATIENCE", 10.0)
    link = CuttingProxy(far.port, bytes_per_second=2e6)
    try:
        assert here("submit", some_photos(tmp_path / "uplink", 8, size=1_900_000), "--url", link.url) == 0
    finally:
        link.close()
    assert "Trying again" not in capfd.readouterr().err


def test_a_busy_server_is_awaited_as_it_asks(far: Elsewhere, before: Front, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "busy", 3)
    busy = [429, 503, 502]

    def refuse(method: str, path: str) -> tuple[int, dict[str, str]] | None:
        return (busy.pop(), {"Retry-After": "1"}) if path.endswith("/photos") and busy else None

    before.instead = refuse
    job, said = far.submit(folder, url=before.url)
    assert "Trying again" in said
    assert sum(path.endswith("/photos") for _, path in before.seen) == 4
    assert far.items(job["id"]) == contents(folder)


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


def test_interrupted_and_begun_again(far: Elsewhere, before: Front, tmp_path: Path) -> None:
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
        running = subprocess.Popen(line, env=far.environment(before.url), cwd=far.home, stderr=out, stdout=out)
        assert running.wait(120) == 130
    assert "Run the same command again to continue" in said.read_text()
    before.instead = lambda method, path: None
    before.seen.clear()
    job, told = far.submit(folder, url=before.url)
    assert job["upload"]["known"] >= 40
    assert "200 photos: the server has" in told
    # The same upload goes on.
    assert ("POST", "/api/v1/uploads") not in before.seen
    assert far.items(job["id"]) == contents(folder)
    assert [one.name for one in far.jobs()].count("halves") == 1


def test_an_answer_that_is_lost_makes_no_second_job(far: Elsewhere, before: Front, tmp_path: Path) -> None:
    """The client is killed after the server has accepted the job, before it hears of it."""
    folder = some_photos(tmp_path / "accepted", 5)
    killed_before_the_answer(far, before, folder, "/finish")
    job, said = far.submit(folder, url=before.url)
    assert "had accepted this already" in said
    assert [one.id for one in far.jobs() if one.name == "accepted"] == [job["id"]]
    # From now on, the same command is another submission.
    assert far.submit(folder, url=before.url)[0]["id"] != job["id"]


def test_other_photos_after_a_lost_answer_are_another_job(far: Elsewhere, before: Front, tmp_path: Path) -> None:
    folder = some_photos(tmp_path / "more", 5)
    killed_before_the_answer(far, before, folder, "/finish")
    some_photos(folder, 7)
    job, _ = far.submit(folder, url=before.url)
    assert far.items(job["id"]) == contents(folder)
    assert sorted(one.total for one in far.jobs() if one.name == "more") == [5, 7]


def test_a_folder_that_shrank_meanwhile(far: Elsewhere, before: Front, tmp_path: Path) -> None:
    """What an earlier run sent and is no longer there is not in the job."""
    folder = some_photos(tmp_path / "shrunk", 120)
    killed_before_the_answer(far, before, folder, "/photos")
    for path in sorted(folder.iterdir())[60:]:
        path.unlink()
    for path in sorted(folder.iterdir())[:5]:
        path.write_bytes(path.read_bytes() + b"edited")
    job, _ = far.submit(folder, url=before.url)
    assert far.items(job["id"]) == contents(folder)


def test_archives_and_large_files_go_on_in_parts(far: Elsewhere, before: Front, tmp_path: Path) -> None:
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
    running = subprocess.Popen(line, env=far.environment(before.url), cwd=far.home)
    assert running.wait(120) == -signal.SIGKILL
    before.loses = lambda method, path: False
    before.seen.clear()
    job, _ = far.submit(many, folder, url=before.url)
    assert sum(seen[0] == "POST" and seen[1].endswith("/parts") for seen in before.seen) <= 5
    assert job["upload"]["known"] + job["upload"]["sent"] == 5
    # Archives are unpacked later; what they announce counts.
    assert job["total"] == 5
    bad.write_bytes(b"PK\x03\x04 no zip")
    done = far.weft("submit", bad, folder)
    assert done.returncode == 1
    assert "bad.zip" in done.stderr
