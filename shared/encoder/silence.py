"""No library that an encoder uses reports anything to its makers.

OpenVINO sends an event over the network whenever it is imported, converts or reads a model, and asks nobody first; NNCF
uses the same package for it. Both do without where it is not installed, which is what they find here.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def silence() -> None:
    """For this process and those it starts. Before OpenVINO, NNCF or huggingface_hub is imported."""
    modules: dict[str, Any] = sys.modules
    # An entry of None makes the import fail as if the package were not there.
    modules.setdefault("openvino_telemetry", None)
    # The hub's names of versions in the User-Agent of downloads.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
