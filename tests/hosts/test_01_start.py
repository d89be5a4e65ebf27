"""What comes to a new worker by itself: the model that another machine has converted, and the bank."""

from __future__ import annotations

from tests.hosts.site import Site, bank_photos, eventually


def test_a_worker_fetches_the_converted_model(machines: Site) -> None:
    assert machines.s3 is not None
    assert len(machines.s3.objects("weft/models/")) == 1
    for host in (machines.one, machines.two):
        assert "fetched from the object store" in host.said()
        assert "converting" not in host.said()


def test_a_published_bank_reaches_every_worker(machines: Site) -> None:
    before = machines.get("/bank")["version"]
    photos = bank_photos(machines.web.folder / "second-bank", slice(0, 9))
    built = machines.web.weft("bank", "build", photos, timeout=600)
    assert built.returncode == 0, built.stdout + built.stderr
    after = machines.get("/bank")["version"]
    assert after != before
    job = machines.submit([machines.photo() for _ in range(40)])
    assert machines.ended(job)["bank"] == after

    def everywhere() -> bool:
        # A worker looks when it is woken.
        machines.ended(machines.submit([machines.photo() for _ in range(8)]))
        return {worker["bank"] for worker in machines.workers().values()} == {after}

    eventually(everywhere, 60, "the version on both workers")
