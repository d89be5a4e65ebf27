"""Redis is reached by TLS, as a user who has only the rights that docs/operations.md names."""

from __future__ import annotations

import redis

from tests.hosts.network import HERE
from tests.hosts.site import CACHE_RIGHTS, LEDGER_RIGHTS, PASSWORD, USER, Site
from tests.product import ROOT


def test_the_rights_are_enough(machines: Site) -> None:
    """After every kind of work: the server has refused Weft nothing."""
    upload = machines.submit([machines.photo() for _ in range(8)])
    machines.ended(upload)
    job = machines.submit_folder(machines.folder(300))
    for verb in ("pause", "resume", "cancel"):
        assert machines.http.post(f"{machines.url}/api/v1/jobs/{job}/{verb}", timeout=30).ok, verb
    assert machines.http.get(f"{machines.url}/api/v1/jobs/{upload}/export?format=csv", timeout=30).ok
    for page in ("/", "/jobs", "/workers", "/metrics", "/readyz"):
        assert machines.http.get(machines.url + page, timeout=30).ok, page
    doctor = machines.one.weft("doctor")
    assert "NOPERM" not in doctor.stdout + doctor.stderr
    for host in (machines.web, machines.one, machines.two):
        assert "NOPERM" not in host.said()
    for server in (machines.admin, machines.cache):
        # Any user may ask whether it may; what matters is what was refused.
        assert [(one["object"], one["reason"]) for one in server.acl_log()] == []


def test_the_rights_are_no_more(machines: Site) -> None:
    port = machines.admin.connection_pool.connection_kwargs["port"]
    with redis.Redis(port=port, username=USER, password=PASSWORD) as weft:
        for refused in (["FLUSHALL"], ["CONFIG", "SET", "dir", "/tmp"], ["GET", "other"], ["KEYS", "*"], ["SHUTDOWN"]):
            try:
                weft.execute_command(*refused)
            except redis.exceptions.NoPermissionError:
                continue
            raise AssertionError(f"{refused} was allowed")
    machines.admin.acl_log_reset()


def test_the_documents_name_these_rights() -> None:
    told = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert LEDGER_RIGHTS in told
    assert CACHE_RIGHTS in told


def test_without_tls_nothing_is_heard(machines: Site) -> None:
    """A worker with redis:// to the port that speaks TLS ends or waits with a sentence."""
    url = machines.one.env["WEFT_REDIS_URL"].replace("rediss://", "redis://").split("?")[0]
    doctor = machines.one.weft("doctor", WEFT_REDIS_URL=url)
    assert doctor.returncode == 1
    assert HERE in doctor.stdout + doctor.stderr
