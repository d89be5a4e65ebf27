"""What schemathesis cannot make up: photos, a folder that exists, jobs that were made; and a tally of answers.

Loaded by schemathesis (SCHEMATHESIS_HOOKS), configured by the environment that `scripts.lab.fuzz` gives it.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import random
from collections import Counter, deque
from pathlib import Path
from typing import Any

import schemathesis
from PIL import Image

#: The tally's file, a folder that may be submitted, and the seed of this process.
TALLY, FOLDER = Path(os.environ["WEFT_FUZZ_TALLY"]), os.environ["WEFT_FUZZ_FOLDER"]
_random = random.Random(os.environ["WEFT_FUZZ_SEED"])
_jobs: deque[str] = deque(maxlen=20)
_answers: Counter[int] = Counter()
#: Requests, and the longest time until an answer.
_seen: dict[str, float] = {"sent": 0, "slowest": 0.0}


def _photo() -> bytes:
    buffer = io.BytesIO()
    colour = tuple(_random.randrange(256) for _ in range(3))
    Image.new("RGB", (32, 32), colour).save(buffer, "PNG")
    return buffer.getvalue()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """In half of the requests, something that gets past the first refusal."""
    _seen["sent"] += 1
    if _random.random() < 0.5:
        return
    if isinstance(case.body, dict):
        if "path" in case.body:
            case.body["path"] = FOLDER
        for field, value in (("files", [_photo()]), ("file", _photo())):
            if field in case.body:
                case.body[field] = value
    places = case.path_parameters
    if isinstance(places, dict) and "job_id" in places and _jobs:
        places["job_id"] = _random.choice(_jobs)
        if "item" in places:
            places["item"] = _random.randrange(4)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    _answers[response.status_code] += 1
    _seen["slowest"] = max(_seen["slowest"], response.elapsed)
    if response.status_code == 202 and case.operation.path.startswith("/api/v1/jobs"):
        _jobs.append(response.json()["id"])


@atexit.register
def _told() -> None:
    TALLY.write_text(json.dumps({**_seen, "answers": _answers}), "utf-8")
