"""What this machine's processors can do, asked of the operating system: no torch, no OpenVINO."""

from __future__ import annotations

import importlib.util
import os
import re
from functools import cache
from pathlib import Path


@cache
def cpu_flags() -> frozenset[str]:
    """Instruction set flags as Linux names them; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


#: What decides how a library multiplies: x86, then ARM.
_MULTIPLYING = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8",
    "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip


def cpu_kind() -> str:
    """This processor's instruction sets for multiplying, as Linux names them: `avx2 avx512f`; `unknown` without any."""
    return " ".join(name for name in _MULTIPLYING if name in cpu_flags()) or "unknown"


def cpu_precision() -> str:
    """`bf16` where the CPU multiplies bfloat16 natively (AVX512-BF16 or AMX), else `f32`."""
    return "bf16" if cpu_flags() & {"avx512_bf16", "amx_bf16"} else "f32"


@cache
def cuda_likely() -> bool:
    """Whether torch would find a CUDA device: a driver is loaded, none is hidden, and torch was built for CUDA.

    torch itself decides when the engine is loaded; this keeps its import (seconds, hundreds of MB) off CPU machines.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
        return False
    driver = any(Path(p).exists() for p in ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg"))
    return driver and _torch_cuda() is not None


def _torch_cuda() -> str | None:
    """The CUDA version that the installed torch was built for, read from its version file."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"^cuda\b[^=]*=\s*'([^']+)'", text, re.MULTILINE)
    return found[1] if found else None
