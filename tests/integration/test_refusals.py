"""A refusal has one form whether the server's front or Flask makes it: a problem for programs, a page for browsers."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared.core.i18n import gettext
from shared.core.messages import SENTENCES, sentence
from shared.core.next_steps import next_step
from shared.core.settings import Settings
from tests.web_server import CONNECTIONS, Server, answer, head, serving

KEY = "k" * 32
#: Status and code → the headers by which it comes to it.
REFUSED = {
    "401 key_needed": b"Host: localhost\r\n",
    "413 body_too_large": f"Host: localhost\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 900000\r\n".encode(),
    "414 query_too_long": b"Host: localhost\r\n",
    "421 host_not_allowed": b"Host: evil.example\r\n",
    "431 headers_too_long": b"Host: localhost\r\nX: " + b"x" * 70_000 + b"\r\n",
    "503 server_busy": b"Host: localhost\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("refusals")
    # A head may take longer here: those that fill the server up must stay.
    with serving(Settings(data_dir=folder / "data"), folder / "web.log", api_key=KEY, request_seconds=20) as started:
        yield started


def refused(server: Server, what: str, *more: bytes) -> tuple[int, dict[str, str], str]:
    path = "/jobs" + ("?x=" + "x" * 9000 if what.startswith("414") else "")
    method = "POST" if what.startswith("413") else "GET"
    path = "/folder" if method == "POST" else path
    first = head(method, path).split(b"\r\n")[0]
    with ExitStack() as held:
        for _ in range(CONNECTIONS if what.startswith("503") else 0):
            held.enter_context(server.connect(b"GET / HTTP/1.1\r\n"))
        sent = b"\r\n".join([first, *more, REFUSED[what].rstrip(b"\r\n"), b"Connection: close", b"", b""])
        return answer(held.enter_context(server.connect(sent)))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("what", list(REFUSED))
def test_a_program_gets_a_problem(server: Server, what: str, lang: str) -> None:
    status, headers, body = refused(server, what, b"Accept: application/json", b"Accept-Language: " + lang.encode())
    problem = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert f"{status} {problem['code']}" == what
    assert problem["status"] == status
    assert problem["title"]
    assert problem["next"] == next_step(problem["code"], status, lang)
    # Up to the first value in it.
    assert problem["detail"].startswith(gettext(SENTENCES[problem["code"]], lang).split("{")[0])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-language"] == lang
    assert ("retry-after" in headers) == (status == 503)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("what", list(REFUSED))
def test_a_browser_gets_a_page(server: Server, what: str, lang: str) -> None:
    status, headers, body = refused(server, what, b"Accept: text/html", b"Accept-Language: " + lang.encode())
    code = what.split()[1]
    assert (status, headers["content-type"]) == (int(what.split()[0]), "text/html; charset=utf-8")
    assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}"' in body
    assert "default-src 'none'" in headers["content-security-policy"]
    if status == 401:
        # The next step itself: the form that asks for the key.
        assert 'name="key"' in body
        return
    text = html.unescape(body)
    assert code in text
    assert next_step(code, status, lang) in text
    assert sentence(code, lang).split("?")[0] in text


def test_nothing_is_said_of_the_model_or_the_bank(server: Server, tmp_path: Path) -> None:
    for what in REFUSED:
        _, _, body = refused(server, what, b"Accept: text/html")
        assert "demo" not in body, what
