"""What `weft doctor` looks at, one function a concern; none of them changes anything or loads an engine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.cli import index_checks, running_checks, work_checks
from scripts.cli.finding import Finding
from scripts.supervisor import redis as embedded
from scripts.supervisor import redis_server
from shared.access.exposure import check_exposure, closed
from shared.access.keys import Keys
from shared.bank.manifest import VECTORS, verify_files
from shared.bank.server.tables import is_served
from shared.bank.store import BankStore
from shared.core.documents import Document
from shared.core.encoder_info import EncoderInfo, told_apart
from shared.core.errors import Unavailable, WeftError
from shared.core.messages import sentence
from shared.core.private_files import open_to_others
from shared.core.redis_urls import addresses
from shared.core.settings import Settings, cores
from shared.encoder import describe, spec
from shared.jobs import admission
from shared.jobs.ledger import Ledger, server

#: Doctor warns once less than this multiple of what admission keeps free (`admission.disk_reserve`) is left.
DISK_WARNING = 1.5
PACKAGES = ("weft", "celery", "redis", "openvino", "torch", "open_clip_torch", "faiss-cpu", "numpy", "pillow", "flask")
#: What lets a CPU multiply in bfloat16 or int8, as /proc/cpuinfo names it.
CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")


class Machine(Document):
    """Cores, instruction sets and graphics cards."""

    system: str
    python: str
    cores: int
    #: Those of CPU_FLAGS that it has.
    cpu_flags: list[str]
    bf16: bool
    gpus: list[str]


def machine() -> Machine:
    """This machine."""
    flags = cpu_flags()
    return Machine(
        system=platform.platform(),
        python=platform.python_version(),
        cores=cores(),
        cpu_flags=flags,
        bf16=any("bf16" in flag for flag in flags),
        gpus=gpus(),
    )


def cpu_flags(source: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Those of CPU_FLAGS that this machine has; none where it does not say."""
    try:
        lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    line = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    present = set(line.split())
    return [flag for flag in CPU_FLAGS if flag in present]


def gpus() -> list[str]:
    """NVIDIA cards, by the driver's own tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        told = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.split(" (UUID")[0] for line in told.splitlines() if line.strip()]


def versions() -> dict[str, str | None]:
    """Installed versions of what results depend on; None for what this role goes without."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def effective_settings(settings: Settings) -> dict[str, Any]:
    """Every setting with its effective value, secrets masked."""
    shown = settings.model_dump(mode="json")
    for name, value in shown.items():
        if isinstance(value, str) and "://" in value:
            parts = urlsplit(value)
            if parts.username or parts.password:
                shown[name] = parts._replace(netloc=f"**********@{parts.hostname}").geturl()
    return {**shown, "roots": [str(root) for root in settings.roots]}


def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which one thing needs the other; one that fails never hides the next."""
    ledger: list[Ledger] = []
    encoder: list[EncoderInfo] = []
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("load", running_checks.load),
        ("memory", running_checks.memory),
        ("data folder", lambda: _data_dir(settings)),
        ("access", lambda: _access(settings)),
        ("storage", lambda: _storage(settings)),
        ("redis", lambda: _redis(settings, ledger)),
        ("clock", lambda: _each(ledger, running_checks.clock)),
        ("model", lambda: _model(settings, encoder)),
        ("decoding", lambda: _decoding(settings, encoder)),
        ("bank", lambda: _bank(settings, encoder)),
        ("bank server", lambda: index_checks.bank_server(settings)),
        ("dispatcher", lambda: _each(ledger, work_checks.dispatcher)),
        ("workers", lambda: _each(ledger, work_checks.workers)),
        ("jobs", lambda: _each(ledger, work_checks.jobs)),
        ("kept", lambda: _each(ledger, work_checks.kept)),
    )
    findings: list[Finding] = []
    for what, check in checks:
        try:
            findings.extend(check())
        except WeftError as error:
            findings.append(Finding(what, "broken", str(error)))
        except OSError as error:
            findings.append(Finding(what, "broken", f"{error.strerror}: {error.filename}"))
    return findings


def _each(ledger: list[Ledger], check: Callable[[Ledger], Iterator[Finding]]) -> Iterator[Finding]:
    """The check of the ledger, where it answered."""
    for one in ledger:
        yield from check(one)


def _data_dir(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("data folder", "broken", f"{existing} is not writable")
        return
    if open_to_others(folder):
        text = f"other users of this machine can read {folder}: `chmod 700` restricts it"
        yield Finding("data folder", "note", text)
    disk = shutil.disk_usage(existing)
    reserve = admission.disk_reserve(settings, disk.total)
    state = "broken" if disk.free < reserve else "note" if disk.free < DISK_WARNING * reserve else "ok"
    text = f"{folder}, {disk.free / 1024**3:.1f} GB ({disk.free / disk.total:.0%}) free"
    more = "" if state == "ok" else ": `weft gc --dry-run` shows what may go, “kept on disk” what takes the room"
    yield Finding("data folder", state, text + more)


def _storage(settings: Settings) -> Iterator[Finding]:
    if settings.storage_url:
        from shared.storage.remote import RemoteStorage

        RemoteStorage(settings.storage_url, settings.data_dir).probe()
        parts = urlsplit(settings.storage_url)
        text = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}: an object was written and read back"
        yield Finding("storage", "ok", text)


def _access(settings: Settings) -> Iterator[Finding]:
    warning = check_exposure(settings)
    if warning:
        yield Finding("access", "note", warning)
    elif not closed(settings):
        yield Finding("access", "ok", "this machine only; no key is required")
    else:
        known = Keys.of(settings).rows()
        old = sum(row.expired for row in known.values())
        others = " and WEFT_API_KEY" * (settings.api_key is not None) + " and users of a proxy" * bool(
            settings.auth_header
        )
        none = not known and not others
        text = sentence("no_key_left") if none else f"{len(known)} keys ({old} expired){others}"
        yield Finding("access", "note" if none or old else "ok", text)


def _redis(settings: Settings, found: list[Ledger]) -> Iterator[Finding]:
    if settings.redis_url is None:
        program, its_version = redis_server.find_server()
        yield Finding("redis server", "ok", f"{program} {its_version}")
    try:
        at = addresses(settings)
        ledger = Ledger.connect(settings)
    except Unavailable as error:
        # Nothing is wrong with a product that has not been started.
        running = settings.redis_url is not None or (settings.run_dir / "redis.json").exists()
        yield Finding("redis", "broken" if running else "note", str(error) if running else "not running: `weft up`")
        return
    found.append(ledger)
    stats = ledger.stats()
    used, limit = stats["redis_memory"] / 1024**2, stats["redis_maxmemory"] / 1024**2
    full = admission.memory_share(ledger) >= admission.MEMORY_FOR_JOBS
    yield Finding("redis", "broken" if full else "ok", f"ledger uses {used:.0f} of {limit:.0f} MB")
    for finding in server.examine(ledger.connection.redis):
        yield Finding("redis", "note", str(finding))
    if at.cache is None:
        yield Finding("embedding cache", "note", "not shared: each worker has its own (WEFT_CACHE_REDIS_URL)")
    else:
        answering = embedded.answers(at.cache)
        yield Finding(
            "embedding cache", "ok" if answering else "broken", "responding" if answering else "not responding"
        )


def _model(settings: Settings, found: list[EncoderInfo]) -> Iterator[Finding]:
    try:
        info = describe(settings)
    except WeftError as error:
        if error.code != "model_not_converted":
            raise
        yield from _unconverted(settings)
        return
    found.append(info)
    text = f"{info.model} ({info.identity}), {info.engine} {info.precision} on {info.device}"
    if info.trained:
        yield Finding("model", "ok", text)
    else:
        yield Finding(
            "model", "note", f"{text}; test mode: vectors are derived from file hashes, so results are meaningless"
        )


def _unconverted(settings: Settings) -> Iterator[Finding]:
    """Whether the weights are here that a worker will convert."""
    for part in spec.parse(settings.model):
        if spec.locate_weights(part, settings.weights_dir) is not None:
            text = "will be converted when a worker first loads it, which takes minutes"
            yield Finding("model", "note", f"{part.name}: {text}")
        elif part.weights is not None:
            text = f"there is no weights file {part.weights}, neither as written nor in {settings.weights_dir}"
            yield Finding("model", "broken", f"{part.name}: {text}: put it there, or correct WEFT_MODEL")
        else:
            text = f"no weights in {settings.weights_dir} yet: a worker's first load downloads and converts them. "
            yield Finding("model", "note", f"{part.name}: {text}Without network: bring them there (`weft model pull`)")


def _decoding(settings: Settings, encoder: list[EncoderInfo]) -> Iterator[Finding]:
    """Starts a decoder, and says what the kernel keeps it from."""
    if encoder and not encoder[0].trained:
        # Such an engine reads no pixels.
        return
    from shared.photos.confinement import CONFINED
    from shared.photos.decode import Limits
    from shared.photos.decode_pool import SUPPORTED, DecodePool
    from shared.photos.decode_server import Task, no_values
    from shared.pipeline.decoding import WALL_SECONDS, confinement

    if not SUPPORTED:
        yield Finding(
            "decoding", "note", "photos are decoded in the worker itself: only Linux keeps hostile ones apart"
        )
        return
    task = Task(1, Limits.of(settings), (), no_values, confinement(settings))
    pool = DecodePool(1, task, budget=settings.decode_mb << 20, wall_seconds=WALL_SECONDS)
    try:
        limits = pool.confinement()
    finally:
        pool.close()
    confined = CONFINED in limits
    yield Finding("decoding", "ok" if confined else "note", f"photos are decoded apart: {', '.join(limits)}")


def _bank(settings: Settings, encoder: list[EncoderInfo]) -> Iterator[Finding]:
    default = BankStore(settings)
    for info in default.banks.list():
        store, name = default.of(info.id), "bank" if info.is_default else f"bank {info.name}"
        current = store.current()
        if current is None:
            yield Finding(name, "note", sentence("no_bank") if info.is_default else "no version is active yet")
            continue
        manifest = store.manifest(current)
        # A worker of the bank server goes without the vectors.
        verify_files(store.folder(current), manifest, without=(VECTORS,) if is_served(store.server, manifest) else ())
        if encoder and manifest.identity != encoder[0].identity:
            mine, other = told_apart(manifest.encoder, encoder[0])
            text = sentence("bank_model_mismatch", bank_model=mine, model=other)
            # An archived bank may wait for a model that is not in use any more.
            yield Finding(name, "note" if info.archived else "broken", text)
        else:
            yield Finding(name, "ok", f"{current}, built with {manifest.model}")


def as_documents(findings: list[Finding]) -> list[dict[str, str]]:
    """For --json."""
    return [asdict(finding) for finding in findings]
