"""Nothing that the engines use speaks with anybody: every connect of a process that converts, quantizes and infers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import ROOT

#: What the conversion does with a model, with the smallest there is.
WORK = """
import shared.encoder
import nncf, numpy, open_clip, openvino, torch
found = openvino.convert_model(torch.nn.Linear(4, 2), example_input=torch.zeros(1, 4))
folder = __import__("sys").argv[1]
openvino.save_model(found, folder + "/model.xml")
core = openvino.Core()
core.compile_model(core.read_model(folder + "/model.xml"), "CPU")(numpy.zeros((1, 4), "f4"))
nncf.quantize(found, nncf.Dataset([numpy.zeros((1, 4), "f4")]), subset_size=1)
print("done")
"""
#: A connection that leaves the process: of an address family that reaches other machines.
OUTSIDE = re.compile(r"connect\(.*?sa_family=AF_INET6?, .*", re.MULTILINE)
LOOPBACK = re.compile(r"\"(127\.[\d.]+|::1)\"")


def connects(folder: Path, code: str) -> list[str]:
    """The calls to `connect` beyond this machine of a Python process and all that it starts."""
    trace = folder / "trace"
    watched = ["strace", "-f", "-e", "trace=connect", "-o", str(trace), sys.executable, "-c", code, str(folder)]
    done = subprocess.run(watched, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)
    assert done.stdout.endswith("done\n"), done.stderr
    return [call for call in OUTSIDE.findall(trace.read_text("utf-8", "replace")) if not LOOPBACK.search(call)]


@pytest.fixture(autouse=True)
def _strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace watches what native libraries do; it is not installed here")


@pytest.mark.long
def test_conversion_quantization_and_inference_connect_to_nobody(tmp_path: Path) -> None:
    assert connects(tmp_path, WORK) == []


def test_what_connects_is_seen(tmp_path: Path) -> None:
    """The watch works: a datagram's socket to an address that is nobody's."""
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9)); print('done')"
    assert len(connects(tmp_path, code)) == 1
