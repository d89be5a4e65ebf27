"""The web process is killed while an upload is being received; the same request is sent again until it is accepted."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests

from tests.faults.record import Record
from tests.faults.site import RUNS, Site
from tests.faults.strikes import web_killed
from tests.product import eventually


def test_the_web_is_killed_in_mid_submit(site: Site, record: Record) -> None:
    for run in range(RUNS):
        key = uuid.uuid4().hex
        files = [("files", (f"{n}.jpg", b"\xff\xd8\xff" + os.urandom(2000), "image/jpeg")) for n in range(300)]
        before = len(site.ledger.listed(200))

        def send(timeout: float = 30, key: str = key, files: Any = files) -> requests.Response | None:
            with suppress(requests.RequestException):
                return requests.post(
                    f"{site.product.url}/api/v1/jobs", files=files, headers={"Idempotency-Key": key}, timeout=timeout
                )
            return None

        sending = threading.Thread(target=send)
        sending.start()
        # Somewhere between the first byte and the answer.
        time.sleep(0.02 + 0.03 * (run % 10))
        web_killed(site, 0)
        began = time.monotonic()
        sending.join()
        accepted: list[str] = []

        def again(accepted: list[str] = accepted, send: Callable[..., Any] = send) -> bool:
            answer = send()
            if answer is not None and answer.status_code == 202:
                accepted.append(answer.json()["id"])
            return bool(accepted)

        eventually(again, 120, "acceptance")
        record.recovered(time.monotonic() - began)
        assert send().json()["id"] == accepted[0]  # type: ignore[union-attr]
        job = site.await_end(site.job(accepted[0]))
        assert job.total == 300
        site.check(record, job, None)
        assert len(site.ledger.listed(200)) == before + 1
