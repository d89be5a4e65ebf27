"""Page, API and command line as three doors to one ledger: the same request through each, and what comes of it."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scripts.cli import main as cli
from shared.core.messages import SENTENCES
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger, keys, wire
from shared.jobs.model import Job
from web.app import create_app


@dataclass(frozen=True)
class Refusal:
    """What a door says of a request that it does not take: a code where it gives one, a sentence in any case."""

    code: str | None
    text: str
    exit_code: int | None = None


@dataclass(frozen=True)
class Doors:
    """Page, API and command line on one data folder."""

    settings: Settings
    ledger: Ledger
    capture: pytest.CaptureFixture[str]

    def client(self) -> FlaskClient:
        return create_app(self.settings).test_client()

    def run(self, *line: str | Path) -> tuple[int, str, str]:
        self.capture.readouterr()
        code = cli.run([*map(str, line), "--json", "--data-dir", str(self.settings.data_dir)])
        printed = self.capture.readouterr()
        return code, printed.out, printed.err

    def send(self, door: str, paths: list[Path], by_reference: bool = False, **wish: Any) -> str | Refusal:
        """The id of the job that was made, or the refusal. `wish`: name, preset, at (seconds), key, length, lang."""
        if door == "cli":
            return self._command(paths, **wish)
        if by_reference:
            return self._folder(door, paths[0], **wish)
        return self._upload(door, paths, **wish)

    def _command(self, paths: list[Path], length: int = 0, lang: str = "", **wish: Any) -> str | Refusal:
        options = [f"--{name}={_shown(value)}" for name, value in wish.items()]
        code, out, err = self.run("submit", *paths, *options)
        if code == 0:
            return str(json.loads(out)["id"])
        return Refusal(json.loads(out)["error"]["code"] if out else None, err, code)

    def _upload(
        self, door: str, paths: list[Path], key: str | None = None, length: int = 0, lang: str = "en", **wish: Any
    ) -> Any:
        files = [(io.BytesIO(path.read_bytes() if not length else b""), name) for name, path in _named(paths)]
        fields = {**self._fields(door, **wish), "files": files}
        environ = {"CONTENT_LENGTH": str(length)} if length else {}
        headers = {"Idempotency-Key": key or "", "Accept-Language": lang}
        address = "/api/v1/jobs" if door == "api" else "/upload"
        return answer(self.client().post(address, data=fields, headers=headers, environ_overrides=environ))

    def _folder(self, door: str, path: Path, key: str | None = None, **wish: Any) -> Any:
        fields = {**self._fields(door, **wish), "path": str(path)}
        headers = {"Idempotency-Key": key} if key else {}
        if door == "api":
            return answer(self.client().post("/api/v1/jobs/folder", json=fields, headers=headers))
        return answer(self.client().post("/folder", data=fields, headers=headers))

    @staticmethod
    def _fields(door: str, at: float | None = None, **wish: str) -> dict[str, Any]:
        if at is None:
            return dict(wish)
        if door == "api":
            return {**wish, "not_before": str(at)}
        local = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
        return {**wish, "not_before": local.isoformat(), "timezone": "0"}

    def specification(self, job_id: str) -> dict[str, Any]:
        """The job without what is its own: id and times of its making."""
        found = asdict(self.ledger.job(job_id))
        for own in ("id", "created"):
            del found[own]
        return found

    def same(self, jobs: list[str | Refusal]) -> Job:
        """All are one and the same specification; returns the first job."""
        made = [job for job in jobs if isinstance(job, str)]
        assert made == jobs
        specifications = [self.specification(job) for job in made]
        assert all(specification == specifications[0] for specification in specifications[1:]), specifications
        return self.ledger.job(made[0])

    def items(self, job_id: str) -> list[tuple[str, str | None, int]]:
        """(name, hash, bytes) of every photo."""
        raw = self.ledger.connection.redis.get(keys.job(job_id, "in:0"))
        return [(item.name, item.sha256, item.size) for item in wire.unpack_items(raw)]


def _shown(value: Any) -> str:
    return datetime.fromtimestamp(value).isoformat() if isinstance(value, float) else str(value)


def _named(paths: list[Path]) -> Iterator[tuple[str, Path]]:
    """As a browser names them: those of a folder below its name."""
    for path in paths:
        if path.is_dir():
            yield from ((f"{path.name}/{photo.name}", photo) for photo in sorted(path.iterdir()))
        else:
            yield path.name, path


def answer(response: TestResponse) -> str | Refusal:
    if response.status_code == 202:
        return str(response.get_json()["id"])
    if response.status_code == 303:
        return response.headers["Location"].rpartition("/")[2]
    if response.is_json:
        return Refusal(response.get_json()["code"], response.get_json()["detail"])
    return Refusal(None, html.unescape(response.get_data(as_text=True)))


def require(refusal: str | Refusal, code: str) -> None:
    """The door refused with this code; where it gives none, with its sentence."""
    assert isinstance(refusal, Refusal), f"accepted as {refusal}"
    assert refusal.code in (code, None), refusal
    pattern = re.sub(r"\\\{\w+\\\}", ".*", re.escape(SENTENCES[code]))
    assert re.search(pattern, " ".join(refusal.text.split())), refusal


def photos(folder: Path, count: int = 2) -> list[Path]:
    """This number of files that pass for photos, each with bytes of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(made):
        path.write_bytes(b"photo %d" % number)
    return made


def packed(path: Path, *contents: bytes) -> Path:
    """A zip of them at `path`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.bmp", content)
    return path
