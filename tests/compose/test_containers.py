"""docker-compose.yml, built and run: `make compose-test`. The tests build upon one another, in this order."""

from __future__ import annotations

import subprocess
from typing import Any

from tests.compose.site import Site, eventually


def _ended(site: Site, job_id: str) -> bool:
    return bool(site.job(job_id)["state"] == "finished")


def _check_whole(site: Site, job_id: str, photos: int) -> None:
    """Every photo has one result, and none failed."""
    rows: list[dict[str, Any]] = site.results(job_id)
    assert len(rows) == len({row["name"] for row in rows}) == photos
    assert [row for row in rows if row["status"] != "ok"] == []


def test_a_worker_is_killed_in_the_middle_of_a_job(site: Site) -> None:
    with site.timed("3,000 photos, one of two workers killed"):
        job = site.submit("night")
        eventually(lambda: site.job(job)["ok"] > 100, "the first photos")
        victim = site.containers("worker")[0]
        assert not _ended(site, job)
        subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
        eventually(lambda: _ended(site, job), "the end of the job")
    _check_whole(site, job, 3000)


def test_three_workers(site: Site) -> None:
    with site.timed("scaled to three warm workers"):
        site.up(3)
        site.await_workers(3)


def test_down_and_up_keeps_everything(site: Site) -> None:
    before = {job["id"]: site.results(job["id"]) for job in site.call("GET", "/api/v1/jobs")["jobs"]}
    assert before
    with site.timed("down"):
        site.run("down")
    with site.timed("up again, to two warm workers"):
        site.up(2)
        site.await_workers(2)
    after = {job["id"]: site.results(job["id"]) for job in site.call("GET", "/api/v1/jobs")["jobs"]}
    assert after == before


def test_the_network_between_a_worker_and_redis_is_cut(site: Site) -> None:
    network = f"{site.project}_redis"
    worker = site.containers("worker")[0]
    job = site.submit("later")
    subprocess.run(["docker", "network", "disconnect", network, worker], check=True, capture_output=True)
    try:
        eventually(lambda: _ended(site, job), "the end of the job")
    finally:
        subprocess.run(["docker", "network", "connect", network, worker], check=True, capture_output=True)
    _check_whole(site, job, 200)
    site.await_workers(2)


def test_nobody_is_let_in_without_the_key(site: Site) -> None:
    line = ["docker", "exec", site.containers("redis")[0], "env", "-u", "REDISCLI_AUTH", "redis-cli", "ping"]
    assert "NOAUTH" in subprocess.run(line, capture_output=True, text=True, check=False).stdout
    assert site.status_without_key("/api/v1/jobs") == 401
