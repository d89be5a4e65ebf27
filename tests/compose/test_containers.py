"""docker-compose.yml, built and run: `make compose-test`. The tests build upon one another, in this order."""

from __future__ import annotations

import subprocess

from tests.compose.site import Site, eventually


def test_a_worker_is_killed_in_the_middle_of_a_job(site: Site) -> None:
    with site.timed("3,000 photos, one of two workers killed"):
        job = site.submit("night")
        eventually(lambda: site.job(job)["ok"] > 100, "the first photos")
        victim = site.containers("worker")[0]
        assert not site.ended(job)
        subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
        site.await_end(job)
    site.check_whole(job, 3000)


def test_three_workers(site: Site) -> None:
    with site.timed("scaled to three warm workers"):
        site.up(3)
        site.await_workers(3)


def test_down_and_up_keeps_everything(site: Site) -> None:
    before = site.all_results()
    assert before
    with site.timed("down"):
        site.run("down")
    with site.timed("up again, to two warm workers"):
        site.up(2)
        site.await_workers(2)
    after = site.all_results()
    assert after == before


def test_the_network_between_a_worker_and_redis_is_cut(site: Site) -> None:
    network = f"{site.project}_redis"
    worker = site.containers("worker")[0]
    job = site.submit("later")
    subprocess.run(["docker", "network", "disconnect", network, worker], check=True, capture_output=True)
    try:
        site.await_end(job)
    finally:
        subprocess.run(["docker", "network", "connect", network, worker], check=True, capture_output=True)
    site.check_whole(job, 200)
    site.await_workers(2)


def test_nobody_is_let_in_without_the_key(site: Site) -> None:
    line = ["docker", "exec", site.containers("redis")[0], "env", "-u", "REDISCLI_AUTH", "redis-cli", "ping"]
    assert "NOAUTH" in subprocess.run(line, capture_output=True, text=True, check=False).stdout
    assert site.status_without_key("/api/v1/jobs") == 401
