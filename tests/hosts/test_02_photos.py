"""Photos of every way in, done by workers on other machines than the pages."""

from __future__ import annotations

from tests.hosts.site import Site, eventually

PHOTOS = 300


def test_uploads_and_their_thumbnails(machines: Site) -> None:
    ended = machines.ended(machines.submit([machines.photo() for _ in range(PHOTOS)]))
    assert (ended["ok"], ended["failed"]) == (PHOTOS, 0), ended
    for item in machines.items(ended["id"])[:20]:
        thumbnail = machines.http.get(f"{machines.url}/api/v1/thumbnails/{item['sha256']}", timeout=30)
        assert (thumbnail.status_code, thumbnail.content[:3]) == (200, b"\xff\xd8\xff"), item


def test_a_folder_that_both_workers_have(machines: Site) -> None:
    before = machines.done_by()
    ended = machines.ended(machines.submit_folder(machines.folder(PHOTOS)))
    assert (ended["ok"], ended["failed"]) == (PHOTOS, 0), ended
    shares: dict[str, int] = {}

    def told() -> bool:
        # Heartbeats come every two seconds.
        shares.update({host: done - before[host] for host, done in machines.done_by().items()})
        return sum(shares.values()) >= PHOTOS

    eventually(told, what=f"the workers' own count: {shares}")
    assert sum(shares.values()) == PHOTOS
    assert all(shares.values()), shares


def test_a_folder_that_one_worker_has(machines: Site) -> None:
    """The other hands its chunks back, says so, and does uploads meanwhile."""
    mounts = list(machines.two.mounts)
    machines.two.mounts.clear()
    machines.restart_worker(machines.two)
    try:
        job = machines.submit_folder(machines.folder(PHOTOS))
        upload = machines.submit([machines.photo() for _ in range(60)])
        ended = machines.ended(job)
        assert (ended["ok"], ended["failed"]) == (PHOTOS, 0), ended
        assert "folder_not_visible" in machines.two.said()
        assert machines.ended(upload)["ok"] == 60
        by = machines.done_by()
        assert by["weft-two"] <= 60, by
    finally:
        machines.two.mounts.extend(mounts)
        machines.restart_worker(machines.two)


def test_a_folder_that_no_worker_has(machines: Site) -> None:
    """The job waits, in words; it goes on by itself when a worker has the folder."""
    mounts = {host.name: list(host.mounts) for host in (machines.one, machines.two)}
    for host in (machines.one, machines.two):
        host.stop()
        host.mounts.clear()
    try:
        machines.start_workers(machines.one, machines.two)
        job = machines.submit_folder(machines.folder(40))
        eventually(lambda: machines.job(job)["waiting_for"] == "folder", 60, "the reason")
        assert machines.job(job)["ok"] == 0
    finally:
        for host in (machines.one, machines.two):
            host.mounts.extend(mounts[host.name])
            machines.restart_worker(host)
    ended = machines.ended(job)
    assert (ended["ok"], ended["failed"]) == (40, 0), ended
