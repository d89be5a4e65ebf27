"""Where a job's end is told: generic JSON, or the robots of WeCom, DingTalk, Feishu and Slack; each with its signature.

A target is a URL, with the kind before it (`dingtalk+https://…`) where its host does not say it, and a secret behind
`#`. Formats: developer.work.weixin.qq.com (group robots), open.dingtalk.com (custom robots, signed), open.feishu.cn
(custom bots, signed), api.slack.com (incoming webhooks).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from shared.core.errors import InvalidRequest

_KINDS = {
    "qyapi.weixin.qq.com": "wecom",
    "oapi.dingtalk.com": "dingtalk",
    "open.feishu.cn": "feishu",
    "open.larksuite.com": "feishu",
    "hooks.slack.com": "slack",
}
KINDS = ("generic", *dict.fromkeys(_KINDS.values()))


@dataclass(frozen=True, slots=True)
class Target:
    kind: str
    #: Without kind and secret; it may hold a token, so it is never logged whole.
    url: str
    secret: str = ""

    @property
    def digest(self) -> str:
        """Names the target where its address must not be told."""
        return hashlib.sha256(f"{self.kind} {self.url}".encode()).hexdigest()[:12]

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Told:
    """What is told."""

    #: JSON of a generic target: `event`, `job` (as the API shows it), `reviews` and `verdicts` (counts), `url`, and
    #: `summary` (the address of the job's report).
    document: dict[str, Any]
    title: str
    text: str
    url: str | None


def targets(setting: str) -> list[Target]:
    """The targets of WEFT_WEBHOOKS: URLs with blanks or line breaks between. Raises InvalidRequest (`bad_webhook`)."""
    return [_target(one) for one in setting.split()]


def _target(text: str) -> Target:
    kind, plus, rest = text.partition("+")
    if not plus or kind not in KINDS:
        kind, rest = "", text
    try:
        parts = urlsplit(rest)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        raise InvalidRequest("bad_webhook", host="?") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest("bad_webhook", host=parts.hostname or "?")
    plain = urlunsplit(parts._replace(fragment=""))
    return Target(kind or _KINDS.get(parts.hostname, "generic"), plain, parts.fragment)


def request_for(target: Target, told: Told, now: float | None = None) -> tuple[str, bytes, dict[str, str]]:
    """(URL, body, headers) of the POST."""
    moment = time.time() if now is None else now
    url, headers = target.url, {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Weft"}
    body = _BODIES[target.kind](told)
    if target.secret and target.kind == "dingtalk":
        stamp = str(int(moment * 1000))
        sign = _base64_hmac(target.secret.encode(), f"{stamp}\n{target.secret}".encode())
        url += f"{'&' if '?' in url else '?'}timestamp={stamp}&sign={quote(sign, safe='')}"
    elif target.secret and target.kind == "feishu":
        stamp = str(int(moment))
        body |= {"timestamp": stamp, "sign": _base64_hmac(f"{stamp}\n{target.secret}".encode(), b"")}
    data = json.dumps(body, ensure_ascii=False).encode()
    if target.secret and target.kind == "generic":
        stamp = str(int(moment))
        digest = hmac.new(target.secret.encode(), f"{stamp}.".encode() + data, hashlib.sha256).hexdigest()
        headers["X-Weft-Signature"] = f"t={stamp},v1={digest}"
    return url, data, headers


def refused(target: Target, status: int, answer: bytes) -> str | None:
    """Why a target did not take a message; None where it did. The robots of chat programs refuse with status 200."""
    if not 200 <= status < 300:
        return f"HTTP {status}"
    if target.kind in ("wecom", "dingtalk", "feishu"):
        try:
            found = json.loads(answer)
            code = found.get("errcode", found.get("code", 0))
            return f"{code} {found.get('errmsg', found.get('msg', ''))}"[:200] if code else None
        except (ValueError, AttributeError):
            return "no JSON"
    return None


def _base64_hmac(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def _markdown(told: Told) -> str:
    return f"**{told.title}**\n\n{told.text}" + (f"\n\n[{told.url}]({told.url})" if told.url else "")


def _lines(told: Told) -> str:
    return "\n".join(filter(None, (told.title, told.text, told.url)))


_BODIES: dict[str, Any] = {
    "generic": lambda told: dict(told.document),
    "wecom": lambda told: {"msgtype": "markdown", "markdown": {"content": _markdown(told)}},
    "dingtalk": lambda told: {"msgtype": "markdown", "markdown": {"title": told.title, "text": _markdown(told)}},
    "feishu": lambda told: {"msg_type": "text", "content": {"text": _lines(told)}},
    "slack": lambda told: {"text": _lines(told)},
}
