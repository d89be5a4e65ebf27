"""A machine whose processor multiplies bfloat16 beside one whose processor does not: f32 there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from shared.encoder import demo
from tests.hosts.network import Host
from tests.hosts.site import Site


def without_bf16(host: Host) -> None:
    """The machine's /proc/cpuinfo names no instructions for bfloat16."""
    plain = re.sub(r" (avx512_bf16|amx_bf16)\b", "", Path("/proc/cpuinfo").read_text("utf-8"))
    (host.folder / "cpuinfo").write_text(plain, "utf-8")
    host.mounts.append((host.folder / "cpuinfo", Path("/proc/cpuinfo")))


def alone(site: Site, host: Host, photos: list[bytes]) -> list[tuple[object, ...]]:
    """The photos' answers, with `host` as the only worker: (cached, label, confidence)."""
    for other in (site.one, site.two):
        if other is not host:
            other.stop()
    if not host.running:
        site.start_workers(host)
    job = site.submit(photos)
    ended = site.ended(job)
    assert ended["failed"] == 0, ended
    return [(item["cached"], item["label"], item["confidence"]) for item in site.items(job)]


def test_vectors_of_two_precisions_are_never_mixed(machines: Site) -> None:
    mounts = list(machines.two.mounts)
    without_bf16(machines.two)
    try:
        machines.restart_worker(machines.two)
        beats = machines.workers()
        precisions = {host: beat["precision"] for host, beat in beats.items()}
        if precisions["weft-one"] != "bf16":
            pytest.skip("this machine's processor has no bfloat16")
        assert precisions == {"weft-one": "bf16", "weft-two": "f32"}
        # Both do the same jobs: they are of one model and one bank.
        assert len({beat["identity"] for beat in beats.values()}) == 1
        shared = machines.ended(machines.submit([machines.photo() for _ in range(400)]))
        assert (shared["ok"], shared["failed"]) == (400, 0)
        assert set(shared["precision"].split(" + ")) == {"bf16", "f32"}

        photos = [machines.photo() for _ in range(40)]
        first = alone(machines, machines.one, photos)
        other = alone(machines, machines.two, photos)
        # Neither takes the other's vectors out of the cache, each its own.
        assert not any(cached for cached, *_ in [*first, *other])
        assert alone(machines, machines.two, photos) == [(True, *rest) for _, *rest in other]
        assert alone(machines, machines.one, photos) == [(True, *rest) for _, *rest in first]
        labels = [sum(a[1] == b[1] for a, b in zip(first, other, strict=True)), len(photos)]
        print(f"\nsame class by bf16 and f32: {labels[0]} of {labels[1]}")
        assert labels[0] >= 0.9 * labels[1]
    finally:
        machines.two.mounts[:] = mounts
        machines.two.stop()
        machines.one.stop()
        machines.start_workers(machines.one, machines.two)


def test_a_worker_of_another_model_takes_nothing(machines: Site, tmp_path: Path) -> None:
    """It says that the bank is another model's; the job is left to the other worker."""
    weights = tmp_path / "other.safetensors"
    _other_weights(weights)
    machines.two.stop()
    machines.two.start("worker", WEFT_MODEL=f"{demo.ARCHITECTURE}/{weights}")
    try:
        ended = machines.ended(machines.submit([machines.photo() for _ in range(60)]))
        assert (ended["ok"], ended["failed"]) == (60, 0)
        assert machines.workers()["weft-two"]["photos"] == 0
    finally:
        machines.two.stop()
        machines.start_workers(machines.two)


def _other_weights(path: Path) -> None:
    """The demo's weights, one of them changed."""
    state = load_file(demo.WEIGHTS)
    name = max(state, key=lambda key: state[key].size)
    state[name] = state[name] + state[name].std() / 10
    save_file(state, path)
