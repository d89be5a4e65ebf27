"""The files of deploy/ with the real nginx and Caddy: large uploads, forms, redirects, links, cookies, forgeries."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.bank_api import built_bank
from tests.product import ROOT, eventually, free_port
from tests.web_server import Server, serving

KEY = "a-key-of-more-than-16-letters"
NAME = "weft.example.com"
AUTH = {"Authorization": f"Bearer {KEY}"}
PROGRAMS = {"nginx": shutil.which("nginx") or "/usr/sbin/nginx", "caddy": shutil.which("caddy") or "/usr/bin/caddy"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("proxied")
    settings = Settings(data_dir=folder / "data", engine="null", appendfsync="everysec")
    built_bank(settings, folder / "photos")
    chosen = {"trusted_proxies": "127.0.0.1", "allowed_hosts": NAME, "auth_header": "X-Forwarded-User"}
    with (
        embedded.running(settings),
        serving(settings, folder / "web.log", api_key=KEY, request_seconds=20, **chosen) as started,
    ):
        yield started


def nginx(folder: Path, weft: int, port: int, https: int, prefix: str) -> list[str]:
    """deploy/nginx.conf with other ports and a certificate made for it."""
    subject = ["-subj", f"/CN={NAME}", "-days", "2", "-nodes"]
    made = ["-keyout", str(folder / "weft.key"), "-out", str(folder / "weft.crt")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, *made], check=True, capture_output=True)
    text = (ROOT / "deploy/nginx.conf").read_text("utf-8")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{weft}").replace("/etc/ssl/", f"{folder}/")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};").replace(
        "listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;"
    )
    text = text.replace("https://$host$request_uri", f"https://$host:{https}$request_uri")
    if prefix:
        # As its comment says.
        text = text.replace("location / {", f"location {prefix}/ {{").replace(
            "proxy_pass http://weft;", "proxy_pass http://weft/;"
        )
        text = text.replace('X-Forwarded-Prefix ""', f"X-Forwarded-Prefix {prefix}")
    kept = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; {kept}\n{text}\n}}\n"
    (folder / "nginx.conf").write_text(whole)
    return [PROGRAMS["nginx"], "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, weft: int, port: int, https: int, prefix: str) -> list[str]:
    """deploy/Caddyfile with its own certificates."""
    text = (ROOT / "deploy/Caddyfile").read_text("utf-8").replace("127.0.0.1:8000", f"127.0.0.1:{weft}")
    if prefix:
        text = re.sub(r"(\treverse_proxy .*\n\t\}\n)", rf"\thandle_path {prefix}/* {{\n\1\t}}\n", text, flags=re.DOTALL)
        text = text.replace('X-Forwarded-Prefix ""', f"X-Forwarded-Prefix {prefix}")
    lines = ("admin off", "local_certs", "skip_install_trust", f"storage file_system {folder}/store")
    ports = (f"http_port {port}", f"https_port {https}")
    options = "{\n" + "".join(f"\t{line}\n" for line in (*lines, *ports)) + "}\n"
    (folder / "Caddyfile").write_text(options + text)
    return [PROGRAMS["caddy"], "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


class Front:
    """A proxy that runs; `get` and `post` ask it as a browser does that finds the host by its name."""

    def __init__(self, port: int, https: int, prefix: str) -> None:
        self.port, self.https, self.prefix = port, https, prefix

    def ask(self, method: str, path: str, scheme: str = "https", **more: object) -> requests.Response:
        port = self.https if scheme == "https" else self.port
        headers = {"Host": f"{NAME}:{port}", **more.pop("headers", {})}  # type: ignore[dict-item]
        with requests.Session() as session:
            session.mount("https://", _ByName())
            address = f"{scheme}://127.0.0.1:{port}{self.prefix}{path}"
            return session.request(
                method, address, headers=headers, verify=False, timeout=60, allow_redirects=False, **more
            )  # type: ignore[arg-type]


class _ByName(requests.adapters.HTTPAdapter):
    """The name that a browser would ask for in TLS."""

    def init_poolmanager(self, *args: object, **more: object) -> None:
        super().init_poolmanager(*args, server_hostname=NAME, assert_hostname=False, **more)  # type: ignore[arg-type]


@contextmanager
def running(kind: str, folder: Path, server: Server, prefix: str) -> Iterator[Front]:
    if not Path(PROGRAMS[kind]).exists():
        pytest.skip(f"{kind} is not installed (apt-get install {kind})")
    port, https = free_port(), free_port()
    command = {"nginx": nginx, "caddy": caddy}[kind](folder, server.port, port, https, prefix)
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"})
    front = Front(port, https, prefix)

    def answers() -> bool:
        assert process.poll() is None, (folder / "proxy.log").read_text()
        with suppress(requests.RequestException):
            return front.ask("GET", "/healthz").status_code == 200
        return False

    try:
        eventually(answers, 60, kind)
        yield front
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(
    scope="module", params=[("nginx", ""), ("nginx", "/weft"), ("caddy", ""), ("caddy", "/weft")], ids="".join
)
def front(request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    kind, prefix = request.param
    with running(kind, tmp_path_factory.mktemp(kind), server, prefix) as started:
        yield started


pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


def test_plain_http_leads_to_https(front: Front) -> None:
    moved = front.ask("GET", "/jobs", "http")
    assert moved.status_code in (301, 308)
    assert moved.headers["Location"].startswith(f"https://{NAME}")


def test_pages_their_files_and_links(front: Front) -> None:
    page = front.ask("GET", "/jobs", headers=AUTH)
    assert page.status_code == 200
    found = re.findall(r"(?:href|src|action)=\"(/[^\"]*)\"", page.text)
    assert found
    assert [link for link in found if not link.startswith(f"{front.prefix}/")] == []
    files = [link.removeprefix(front.prefix) for link in found if "/static/" in link]
    assert [front.ask("GET", file).status_code for file in files] == [200] * len(files)


def test_a_large_upload_from_a_form(front: Front) -> None:
    """nginx alone would refuse more than a megabyte, and Weft a form whose Origin is not its host."""
    origin = {"Origin": f"https://{NAME}:{front.https}"}
    files = {"files": ("a.jpg", io.BytesIO(b"\xff\xd8\xff" + bytes(3_000_000)), "image/jpeg")}
    made = front.ask("POST", "/api/v1/jobs", files=files, headers=AUTH | origin)
    assert made.status_code == 202, made.text
    files["files"] = ("b.jpg", io.BytesIO(b"\xff\xd8\xff" + bytes(10)), "image/jpeg")
    led = front.ask("POST", "/upload", files=files, headers=AUTH | origin | {"Accept": "text/html"})
    assert led.status_code == 303, led.text
    assert led.headers["Location"].startswith(f"{front.prefix}/jobs/")
    foreign = front.ask("POST", "/api/v1/jobs", files=files, headers=AUTH | {"Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "cross_site")


def test_signing_in(front: Front) -> None:
    asked = front.ask("GET", "/jobs?mine=1", headers={"Accept": "text/html"})
    assert asked.status_code == 401
    assert f'value="{front.prefix}/jobs?mine=1"' in asked.text
    form = {"key": KEY, "next": f"{front.prefix}/jobs"}
    entered = front.ask("POST", "/login", data=form, headers={"Origin": f"https://{NAME}:{front.https}"})
    assert (entered.status_code, entered.headers["Location"]) == (303, f"{front.prefix}/jobs")
    cookie = entered.headers["Set-Cookie"]
    assert "Secure" in cookie
    assert f"Path={front.prefix or '/'};" in cookie


def test_what_a_browser_claims_of_itself_does_not_count(front: Front) -> None:
    forged = {"X-Forwarded-User": "boss", "X-Forwarded-Host": "localhost", "X-Forwarded-Prefix": "/evil"}
    refused = front.ask("GET", "/api/v1/me", headers=forged)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_needed")
    page = front.ask("GET", "/jobs", headers=AUTH | forged)
    assert "/evil" not in page.text


def test_the_proxys_id_of_a_request_is_taken_over(front: Front) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{32}", front.ask("GET", "/healthz").headers["X-Request-Id"])
