"""A worker of an earlier version beside the present ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.hosts.site import Site, eventually
from tests.product import ROOT

#: The last commit of the day before this test was written.
EARLIER = "2315b55"


def test_a_worker_of_an_earlier_version_does_its_share(machines: Site, tmp_path: Path) -> None:
    """Its demo model, its bank and its answers are the present ones: nothing is refused, and nothing is mixed up."""
    packed = subprocess.run(["git", "archive", EARLIER], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"no commit {EARLIER} in this checkout")
    subprocess.run(["tar", "-x", "-C", tmp_path], input=packed.stdout, check=True)
    photos = [machines.photo() for _ in range(200)]
    new = machines.ended(machines.submit(photos))
    machines.two.stop()
    machines.two.code = tmp_path
    machines.cache.flushall()
    try:
        machines.start_workers(machines.two)
        machines.one.stop()
        old = machines.ended(machines.submit(photos))
        assert (old["ok"], old["failed"], old["cached"]) == (200, 0, 0), old
        eventually(lambda: machines.done_by()["weft-two"] == 200, what="its count")
        answers = [[(item["label"], item["confidence"]) for item in machines.items(job["id"])] for job in (new, old)]
        assert answers[0] == answers[1]
        machines.start_workers(machines.one)
        before = machines.done_by()
        ended = machines.ended(machines.submit_folder(machines.folder(400)))
        assert (ended["ok"], ended["failed"]) == (400, 0), ended
        after = machines.done_by()
        eventually(
            lambda: all(machines.done_by()[host] > before[host] for host in before), 30, f"a share each: {after}"
        )
    finally:
        machines.two.code = ROOT
        machines.two.stop()
        machines.start_workers(*(host for host in (machines.one, machines.two) if not host.running))
