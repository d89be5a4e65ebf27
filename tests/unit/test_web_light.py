"""The web process stays light: nothing numeric is ever imported into it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "torch", "faiss", "openvino", "PIL", "onnx", "scipy", "celery", "worker")

SCRIPT = """
import sys
from web.app import create_app
import scripts.cli
import scripts.cli.commands.web
import web.serve
from shared.core.settings import Settings
client = create_app(Settings(data_dir=sys.argv[1])).test_client()
pages = ("/", "/jobs", "/bank", "/bank/versions", "/bank/check", "/bank/corrections", "/workers")
for address in (*pages, "/api/v1/openapi.json", "/api/v1/bank", "/api/v1/bank/versions", "/metrics"):
    client.get(address)
print(*sorted(name for name in sys.modules if name.split(".")[0] in sys.argv[2:]))
"""


def test_no_numerics(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), *HEAVY], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
