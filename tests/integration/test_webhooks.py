"""A job's end is told to other programs: signed, in their own formats, again until they take it."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from scripts.cli import main as cli
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs import webhook_queue
from shared.jobs.ledger import keys
from shared.jobs.webhook_queue import WebhookQueue
from shared.jobs.webhook_targets import Told, refused, request_for, targets
from tests.announcing import announcing as announcer_for
from tests.integration.test_dispatcher_robust import own
from tests.ledger_harness import LedgerHarness
from tests.product import eventually

__all__ = ["own"]
TOLD = Told({"event": "job.finished"}, "标题", "text", "http://weft/jobs/1")


class Receiver(ThreadingHTTPServer):
    """Answers with the next of `answers`, then with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, bytes]] = []
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        status, answer = self.server.answers.pop(0) if self.server.answers else (200, b"{}")
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def announcing(harness: LedgerHarness, settings: Settings, webhooks: str) -> Iterator[None]:
    chosen = settings.model_copy(
        update={"webhooks": SecretStr(webhooks), "public_url": "https://weft.example.org/", "lang": "zh"}
    )
    with announcer_for(harness, chosen):
        yield


def finish(harness: LedgerHarness, count: int = 4) -> str:
    job = harness.submit(count)
    harness.admit(job)
    harness.drain(harness.worker())
    return job.id


def test_the_end_is_told_once_and_signed(harness: LedgerHarness, own: Settings, receiver: Receiver) -> None:
    finish(harness)
    with announcing(harness, own, f"{receiver.url}#s3cret"):
        job = finish(harness)
        eventually(lambda: bool(receiver.got), what="the message")
        time.sleep(5)
    [(_, headers, body)] = receiver.got
    document = json.loads(body)
    assert (document["event"], document["job"]["id"]) == ("job.finished", job)
    assert document["url"] == f"https://weft.example.org/jobs/{job}"
    assert document["summary"] == f"https://weft.example.org/jobs/{job}/summary"
    assert document["verdicts"] == {"label": 4}
    stamp, signature = (part.partition("=")[2] for part in headers["X-Weft-Signature"].split(","))
    expected = hmac.new(b"s3cret", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert signature == expected
    assert harness.ledger.connection.redis.hlen(keys.WEBHOOKS) == 0


def test_who_is_away_is_told_later_and_the_others_once(
    harness: LedgerHarness, own: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_queue, "_FIRST_DELAY", 0.5)
    receiver.answers = [(200, b'{"errcode": 0}'), (503, b"")]
    with announcing(harness, own, f"wecom+{receiver.url} slack+{receiver.url}?second"):
        finish(harness)
        eventually(lambda: len(receiver.got) == 3, what="the repetition")
    assert [path for path, _, _ in receiver.got] == ["/hook", "/hook?second", "/hook?second"]
    assert "已完成" in json.loads(receiver.got[0][2])["markdown"]["content"]
    assert "共 4 张" in json.loads(receiver.got[2][2])["text"]


def test_what_nobody_takes_is_given_up(harness: LedgerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = WebhookQueue(harness.ledger.connection.redis)
    queue.collect(["a"])
    finish(harness)
    queue.collect(["a"])
    [row] = queue.due()
    assert queue.settle(row, ["a"])
    assert queue.due() == []
    monkeypatch.setattr(webhook_queue, "GIVE_UP", -1.0)
    assert not queue.settle(row, ["a"])
    assert harness.ledger.connection.redis.hlen(keys.WEBHOOKS) == 0


def test_signatures_of_the_chat_programs() -> None:
    [ding] = targets("https://oapi.dingtalk.com/robot/send?access_token=x#SEC1")
    url, body, _ = request_for(ding, TOLD, now=1_700_000_000.0)
    # base64(HMAC-SHA256(secret, "1700000000000\nSEC1")), as their documentation computes it.
    assert url == (
        "https://oapi.dingtalk.com/robot/send?access_token=x&timestamp=1700000000000"
        f"&sign={_quoted(hmac.new(b'SEC1', b'1700000000000' + chr(10).encode() + b'SEC1', hashlib.sha256).digest())}"
    )
    assert json.loads(body)["markdown"]["title"] == "标题"
    [feishu] = targets("https://open.feishu.cn/open-apis/bot/v2/hook/x#k")
    found = json.loads(request_for(feishu, TOLD, now=1_700_000_000.0)[1])
    assert found["timestamp"] == "1700000000"
    assert len(found["sign"]) == 44


def _quoted(digest: bytes) -> str:
    import base64
    from urllib.parse import quote

    return quote(base64.b64encode(digest).decode(), safe="")


@pytest.mark.parametrize(
    ("kind", "status", "answer", "reason"),
    [
        ("generic", 204, b"", None),
        ("generic", 500, b"", "HTTP 500"),
        ("dingtalk", 200, b'{"errcode": 310000, "errmsg": "sign not match"}', "310000 sign not match"),
        ("feishu", 200, b'{"code": 19021, "msg": "sign match fail"}', "19021 sign match fail"),
        ("wecom", 200, b'{"errcode": 0, "errmsg": "ok"}', None),
        ("wecom", 200, b"<html>", "no JSON"),
    ],
)
def test_refusals(kind: str, status: int, answer: bytes, reason: str | None) -> None:
    [target] = targets(f"{kind}+https://example.org/")
    assert refused(target, status, answer) == reason


@pytest.mark.parametrize("setting", ["example.org", "ftp://example.org", "slack+"])
def test_a_wrong_address_is_said(setting: str) -> None:
    with pytest.raises(InvalidRequest):
        targets(setting)


def test_the_command_tries_every_receiver(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.answers = [(200, b""), (404, b"")]
    monkeypatch.setenv("WEFT_WEBHOOKS", f"{receiver.url}\nslack+{receiver.url}")
    assert cli.run(["webhook", "test", "--json"]) == 1
    errors = [one["error"] for one in json.loads(capsys.readouterr().out)["webhooks"]]
    assert errors == [None, "HTTP 404"]
