"""The store or a machine is out of reach for a while: nothing fails, and work goes on by itself."""

from __future__ import annotations

import time

from tests.hosts.site import LEASE, Site, eventually

PHOTOS = 400


def test_the_object_store_is_away(machines: Site) -> None:
    """Uploads are refused with 503, workers wait, no photo fails."""
    assert machines.s3 is not None
    job = machines.submit([machines.photo() for _ in range(PHOTOS)])
    eventually(lambda: machines.job(job)["ok"] > 0, 60, "the first photos")
    machines.s3.way.refuse()
    try:
        refused = machines.upload([machines.photo()])
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable"), refused.text
        assert int(refused.headers["Retry-After"]) > 0
        eventually(lambda: machines.job(job)["waiting_for"] == "storage", 90, f"the reason: {machines.job(job)}")
        told = machines.job(job)
        assert told["failed"] == 0
        assert "storage" in told["message"].lower()
    finally:
        machines.s3.way.heal()
    ended = machines.ended(job)
    assert (ended["ok"], ended["failed"]) == (PHOTOS, 0), ended


def test_a_worker_refuses_a_bucket_that_does_not_exist(machines: Site) -> None:
    machines.two.stop()
    done = machines.two.weft("worker", WEFT_STORAGE_URL="s3://swatchse/weft", timeout=120)
    assert done.returncode == 1, done.stderr
    assert "The bucket swatchse of WEFT_STORAGE_URL does not exist" in done.stderr
    assert "Traceback" not in done.stderr
    machines.start_workers(machines.two)


def test_a_machine_without_network(machines: Site) -> None:
    """What it held goes to the other one; it comes back by itself, and no photo is counted twice."""
    job = machines.submit_folder(machines.folder(PHOTOS))
    eventually(lambda: machines.job(job)["ok"] > 0, 60, "the first photos")
    machines.two.unplug()
    try:
        ended = machines.ended(job)
        assert (ended["ok"], ended["failed"]) == (PHOTOS, 0), ended
    finally:
        machines.two.plug()
    eventually(lambda: machines.warm(machines.one, machines.two), 60, f"the return: {machines.two.said()[-2000:]}")
    before = machines.done_by()["weft-two"]

    def works_again() -> bool:
        machines.ended(machines.submit_folder(machines.folder(100)))
        return machines.done_by()["weft-two"] > before

    eventually(works_again, 120, f"its work: {machines.two.said()[-2000:]}")
    after = machines.job(job)
    assert (after["ok"], after["failed"], after["total"]) == (PHOTOS, 0, PHOTOS)


def test_all_workers_without_network(machines: Site) -> None:
    job = machines.submit_folder(machines.folder(PHOTOS))
    eventually(lambda: machines.job(job)["ok"] > 0, 60, "the first photos")
    for host in (machines.one, machines.two):
        host.unplug()
    time.sleep(2 * LEASE)
    at = machines.job(job)
    for host in (machines.one, machines.two):
        host.plug()
    began = time.monotonic()
    eventually(lambda: machines.job(job)["ok"] > at["ok"] or at["state"] == "finished", 120, "the work")
    print(f"\nworks again after {time.monotonic() - began:.1f} s")
    ended = machines.ended(job)
    assert (ended["ok"], ended["failed"]) == (PHOTOS, 0), ended
