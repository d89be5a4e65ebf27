"""Processes that answer on standard output log elsewhere, whatever happens to their decoders."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from tests.environment import clean_environment
from tests.product import ROOT


@pytest.mark.parametrize("server", ["view_server", "swatch_server"])
def test_a_decoder_that_fails_is_one_line_of_the_answer(server: str) -> None:
    photo = BytesIO()
    Image.effect_noise((5000, 4000), 80).convert("RGB").save(photo, "PNG", compress_level=1)
    asked = json.dumps({"bytes": len(photo.getvalue())}).encode() + b"\n" + photo.getvalue()
    done = subprocess.run(
        [sys.executable, "-m", f"shared.photos.{server}"],
        input=asked,
        env=clean_environment() | {"WEFT_DECODE_CPU_SECONDS": "0.05"},
        cwd=ROOT,
        capture_output=True,
        timeout=300,
        check=False,
    )
    (answer,) = done.stdout.splitlines()
    assert json.loads(answer)["code"] == "photo_too_costly"
    assert b"decoder_lost" in done.stderr
