"""A proxy in front that refuses large files answers with a page of its own: the upload page says what that is."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.product import Product, eventually, free_port

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
#: As it comes from Debian: no file of more than a megabyte.
CONFIG = """
daemon off; worker_processes 1; pid nginx.pid; error_log stderr; events {{ }}
http {{ access_log off; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://127.0.0.1:{weft}; proxy_set_header Host $http_host; }} }} }}
"""


@pytest.fixture
def address(product: Product, tmp_path: Path) -> Iterator[str]:
    if not Path(NGINX).exists():
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    port = free_port()
    (tmp_path / "nginx.conf").write_text(CONFIG.format(port=port, weft=product.settings.port))
    line = [NGINX, "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        assert process.poll() is None
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
        return False

    try:
        eventually(answers, 60, "nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("locale", "words"), [("en-US", "The proxy in front of Weft refuses"), ("zh-CN", "前面的代理")]
)
def test_it_is_said(browser: Browser, address: str, locale: str, words: str, tmp_path: Path) -> None:
    noise = random.Random(locale)
    for name, side in (("small", 64), ("large", 800)):
        Image.frombytes("RGB", (side, side), noise.randbytes(side * side * 3)).save(tmp_path / f"{name}.png")
    context = browser.new_context(base_url=address, locale=locale)
    page = context.new_page()
    page.goto("/")
    page.set_input_files("#files", [tmp_path / "small.png", tmp_path / "large.png"])
    page.click("#send")
    expect(page.get_by_role("alert").filter(has_text=re.compile(words))).to_be_visible()
    context.close()
