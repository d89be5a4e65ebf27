"""Notices by e-mail, through one SMTP server (WEFT_SMTP_URL, WEFT_MAIL_TO, WEFT_MAIL_FROM)."""

from __future__ import annotations

import hashlib
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import parse_qs, unquote, urlsplit

from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.jobs.webhook_targets import Told

#: Seconds for each answer of the server.
_TIMEOUT = 20.0
_PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class MailTarget:
    """Where notices are mailed to."""

    server: str
    port: int
    #: `implicit` (smtps), `starttls`, or `none`.
    tls: str
    user: str
    password: str = field(repr=False)
    sender: str
    to: tuple[str, ...]
    kind: str = "mail"

    @property
    def digest(self) -> str:
        """Names the target where its address must not be told."""
        return hashlib.sha256(f"mail {self.server}:{self.port} {' '.join(self.to)}".encode()).hexdigest()[:12]

    @property
    def host(self) -> str:
        return f"{self.server}:{self.port}"


def mail_target(settings: Settings) -> MailTarget | None:
    """The target that the settings name, or None. Raises InvalidRequest (`bad_smtp_url`, `bad_mail_address`)."""
    url = settings.smtp_url.get_secret_value().strip()
    to = tuple(part for part in re.split(r"[\s,;]+", settings.mail_to) if part)
    if not url or not to:
        return None
    try:
        parts = urlsplit(url)
        port, options = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise InvalidRequest("bad_smtp_url", host="?") from None
    host = parts.hostname or ""
    tls = options.pop("tls", [""])[0]
    if parts.scheme not in _PORTS or not host or options or tls not in ("", "no"):
        raise InvalidRequest("bad_smtp_url", host=host or "?")
    way = "implicit" if parts.scheme == "smtps" else "none" if tls == "no" or host in _LOOPBACK else "starttls"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sender = settings.mail_from.strip() or (user if "@" in user else f"weft@{socket.getfqdn()}")
    for address in (sender, *to):
        _address(address)
    return MailTarget(host, port or _PORTS[parts.scheme], way, user, password, sender, to)


def send_mail(target: MailTarget, told: Told) -> str | None:
    """One message to all recipients; returns why it failed, None for success."""
    try:
        with _connected(target) as server:
            if target.user:
                server.login(target.user, target.password)
            refused = server.send_message(_message(target, told), target.sender, list(target.to))
    except smtplib.SMTPRecipientsRefused as error:
        return f"refused: {', '.join(error.recipients)}"[:200]
    except smtplib.SMTPResponseException as error:
        answer = error.smtp_error
        said = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
        return f"{error.smtp_code} {said}"[:200]
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return str(error)[:200] or type(error).__name__
    # Whoever was accepted has it: the message is not sent to them again.
    return f"refused: {', '.join(refused)}"[:200] if len(refused) == len(target.to) else None


def _connected(target: MailTarget) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if target.tls == "implicit":
        return smtplib.SMTP_SSL(target.server, target.port, timeout=_TIMEOUT, context=context)
    server = smtplib.SMTP(target.server, target.port, timeout=_TIMEOUT)
    try:
        if target.tls == "starttls":
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _message(target: MailTarget, told: Told) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = " ".join(told.title.split())
    message["From"] = _address(target.sender)
    message["To"] = [_address(address) for address in target.to]
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=target.sender.rpartition("@")[2])
    # So that holiday answers do not come back (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message["X-Weft-Event"] = str(told.document.get("event", ""))
    lines = [told.text]
    if told.url:
        lines += ["", told.url]
        if "job" in told.document:
            lines.append(f"{told.url}/summary")
    message.set_content("\n".join(lines) + "\n")
    return message


def _address(text: str) -> Address:
    try:
        found = Address(addr_spec=text)
    except (ValueError, IndexError):
        raise InvalidRequest("bad_mail_address", address=text[:100]) from None
    if not found.domain or not text.isascii():
        raise InvalidRequest("bad_mail_address", address=text[:100])
    return found
