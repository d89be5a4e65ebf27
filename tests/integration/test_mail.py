"""Notices by e-mail, to a real SMTP receiver on loopback: plain, with a login, with TLS, refused and repeated."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from scripts.cli import main as cli
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs import webhook_queue
from shared.jobs.mail import mail_target, send_mail
from shared.jobs.webhook_targets import Told
from tests.announcing import announcing
from tests.integration.test_dispatcher_robust import own
from tests.integration.test_webhooks import finish
from tests.ledger_harness import LedgerHarness
from tests.product import eventually, free_port

__all__ = ["own"]
TOLD = Told({"event": "job.finished", "job": {}}, "“面料”\nBcc: x@y", "共 4 张", "https://weft.example.org/jobs/1")


class Receiver:
    """Keeps what it is sent; `answers` are given in place of the next acceptances."""

    def __init__(self) -> None:
        self.got: list[tuple[str, list[str], EmailMessage]] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        assert envelope.mail_from is not None
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.got.append((envelope.mail_from, list(envelope.rcpt_tos), message))
        return "250 taken"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 fine"


@contextmanager
def listening(receiver: Receiver, **options: Any) -> Iterator[int]:
    port = free_port()
    controller = Controller(receiver, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def with_mail(settings: Settings, url: str, to: str = "boss@example.org", **more: Any) -> Settings:
    return settings.model_copy(update={"smtp_url": SecretStr(url), "mail_to": to, **more})


def sent(settings: Settings, url: str, to: str = "boss@example.org", **more: Any) -> str | None:
    target = mail_target(with_mail(settings, url, to, **more))
    assert target is not None
    return send_mail(target, TOLD)


def test_a_message(settings: Settings, receiver: Receiver) -> None:
    with listening(receiver) as port:
        to = "boss@example.org, buyer@example.org"
        assert sent(settings, f"smtp://127.0.0.1:{port}", to, mail_from="weft@example.org") is None
    [(sender, recipients, message)] = receiver.got
    assert (sender, recipients) == ("weft@example.org", ["boss@example.org", "buyer@example.org"])
    # A job's name cannot add a header.
    assert (message["Subject"], message["Bcc"]) == ("“面料” Bcc: x@y", None)
    assert (message["Auto-Submitted"], message["X-Weft-Event"]) == ("auto-generated", "job.finished")
    assert message["Date"]
    assert message["Message-ID"]
    lines = message.get_content().split()
    assert lines == ["共", "4", "张", "https://weft.example.org/jobs/1", "https://weft.example.org/jobs/1/summary"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_login(settings: Settings, receiver: Receiver) -> None:
    tried = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        tried.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss/word", handled=False)

    options = {"authenticator": check, "auth_required": True, "auth_require_tls": False}
    with listening(receiver, **options) as port:
        assert sent(settings, f"smtp://night%40mill.cn:p%40ss%2Fword@127.0.0.1:{port}") is None
        reason = sent(settings, f"smtp://night%40mill.cn:wrong@127.0.0.1:{port}")
    assert tried[0] == (b"night@mill.cn", b"p@ss/word")
    assert [sender for sender, _, _ in receiver.got] == ["night@mill.cn"]
    assert reason is not None
    assert reason.startswith("535")
    assert "wrong" not in reason


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """Of 127.0.0.1, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    pem, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kind = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, private)
    return context, pem


def test_tls_from_the_start(
    settings: Settings, receiver: Receiver, certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, pem = certificate
    # The controller knocks by itself once, and has to trust the certificate, too.
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with listening(receiver, ssl_context=context) as port:
        assert sent(settings, f"smtps://127.0.0.1:{port}") is None
        monkeypatch.delenv("SSL_CERT_FILE")
        reason = sent(settings, f"smtps://127.0.0.1:{port}")
    assert len(receiver.got) == 1
    assert reason is not None
    assert "certificate" in reason.lower()


def test_starttls(
    settings: Settings, receiver: Receiver, certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Required of every server that is not on this machine: one that does not offer it gets nothing."""
    context, pem = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    target = mail_target(with_mail(settings, "smtp://mail.example.org"))
    assert target is not None
    assert (target.tls, target.port) == ("starttls", 587)
    with listening(receiver, tls_context=context, require_starttls=True) as port:
        assert send_mail(replace(target, server="127.0.0.1", port=port), TOLD) is None
    with listening(receiver) as port:
        assert send_mail(replace(target, server="127.0.0.1", port=port), TOLD) is not None
    assert len(receiver.got) == 1


def test_who_refuses(settings: Settings, receiver: Receiver) -> None:
    with listening(receiver) as port:
        url = f"smtp://127.0.0.1:{port}"
        assert sent(settings, url, "nobody@example.org") == "refused: nobody@example.org"
        assert sent(settings, url, "nobody@example.org boss@example.org") is None
        receiver.answers = ["451 later"]
        assert sent(settings, url) == "451 later"
    assert "refused" in str(sent(settings, url)).lower()


def test_the_end_of_a_job_is_mailed_until_it_is_taken(
    harness: LedgerHarness, own: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_queue, "_FIRST_DELAY", 0.5)
    receiver.answers = ["451 greylisted"]
    with listening(receiver) as port:
        settings = with_mail(own, f"smtp://127.0.0.1:{port}", lang="zh", public_url="https://weft.example.org")
        with announcing(harness, settings):
            job = finish(harness)
            eventually(lambda: bool(receiver.got), what="the message")
    [(_, _, message)] = receiver.got
    assert "已完成" in message["Subject"]
    assert f"https://weft.example.org/jobs/{job}/summary" in message.get_content()


def test_the_command_tries_it(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    with listening(receiver) as port:
        monkeypatch.setenv("WEFT_SMTP_URL", f"smtp://127.0.0.1:{port}")
        monkeypatch.setenv("WEFT_MAIL_TO", "boss@example.org")
        assert cli.run(["webhook", "test", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["webhooks"]
    assert told == [{"kind": "mail", "host": f"127.0.0.1:{port}", "error": None}]
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("url", "to"),
    [
        ("http://h", "a@b"), ("smtp://", "a@b"), ("smtps://h:x", "a@b"), ("smtp://h?tls=maybe", "a@b"),
        ("smtp://h?x", "a@b"), ("smtp://h", "nobody"), ("smtp://h", "a@b\nc"), ("smtp://h", "面@b"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_said(settings: Settings, url: str, to: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        mail_target(with_mail(settings, url, to))
    assert refused.value.code in ("bad_smtp_url", "bad_mail_address")


def test_the_password_comes_from_a_file_and_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smtp").write_text("smtps://u:s3cret@mail.example.org\n")
    monkeypatch.setenv("WEFT_SMTP_URL_FILE", str(tmp_path / "smtp"))
    monkeypatch.setenv("WEFT_MAIL_TO", "a@b.org")
    settings = Settings()
    target = mail_target(settings)
    assert target is not None
    assert target.password == "s3cret"
    assert "s3cret" not in f"{target!r} {settings!r} {target.host} {target.digest}"
