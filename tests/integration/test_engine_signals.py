"""Engines come and go, as tuning makes them: a process that had several still handles its signals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.product import ROOT

_TWO_ENGINES = """
import gc, os, signal, sys
from pathlib import Path
import numpy as np, openvino, openvino.opset13 as ops
from shared.encoder.mapped_weights import MappedWeights
from shared.encoder.openvino_engine import compile_tower

photos = ops.parameter([1, 4], np.float32)
xml = Path(sys.argv[1])
openvino.save_model(openvino.Model([ops.add(photos, np.ones((1, 4), np.float32))], [photos]), xml)
weights = MappedWeights.of(xml.with_suffix(".bin"))
first = compile_tower(xml, weights, "f32", 1)
second = compile_tower(xml, weights, "f32", 1)
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_a_signal_after_the_first_of_two_engines_went_first(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TWO_ENGINES, str(tmp_path / "model.xml")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
