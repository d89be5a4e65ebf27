"""What people would use instead of Weft, each on the same photos, the same weights and the same cores.

A server's own engine is called in its process: what its HTTP or gRPC would cost on top is spared it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.lab.bench import model
from scripts.lab.bench.peers.process import Peer
from scripts.lab.bench.product import BenchError

__all__ = ["PEERS", "Kind", "Peer", "PeerKind", "start"]


class Kind:
    """What a peer counts as in the ratios."""

    OLD_WAY = "old way"
    SERVER = "server"
    SCRIPT = "script"


@dataclass(frozen=True)
class PeerKind:
    program: str
    kind: str
    title: str
    #: Packages of an environment of its own; none: it runs in Weft's own, which has torch and open_clip.
    packages: tuple[str, ...] = ()
    #: Photos a round, of those that Weft gets: slow ones get fewer.
    share: float = 1.0


#: Versions are the newest that work together. infinity-emb asks for more than its extras bring (aiohttp) and breaks
#: with newer torch; clip-server's executor needs docarray before 0.30 and pkg_resources.
PEERS: dict[str, PeerKind] = {
    "old_way": PeerKind("old_way", Kind.OLD_WAY, "one photo at a time, torch f32", share=0.25),
    "batch_script": PeerKind("batch_script", Kind.SCRIPT, "torch f32, batches of 32, DataLoader", share=0.5),
    "strongest": PeerKind("strongest", Kind.SCRIPT, "torch bf16, compiled, batches, decoding threads"),
    "infinity": PeerKind(
        "infinity",
        Kind.SERVER,
        "infinity-emb 0.0.78",
        ("infinity-emb[torch,vision,optimum]==0.0.78", "torch==2.8.0", "aiohttp"),
        share=0.5,
    ),
    "clip_server": PeerKind(
        "jina_clip_server",
        Kind.SERVER,
        "clip-server 0.8.3",
        ("clip-server==0.8.3", "docarray==0.21.0", "setuptools<81", "safetensors"),
        share=0.5,
    ),
    "ray": PeerKind(
        "ray_data",
        Kind.SERVER,
        "Ray Data 2.60 batch inference",
        ("ray[data]==2.60.0", "torch", "open_clip_torch", "pillow", "numpy"),
    ),
}


def start(name: str, store: Path, weights: Path) -> Peer:
    """A warm peer; installs it where it is missing. Raises BenchError with what went wrong."""
    peer = PEERS[name]
    python = _environment(name, peer, store) if peer.packages else Path(sys.executable)
    _vocabulary_beside(weights)
    return Peer(python, peer.program, model.ARCHITECTURE, weights, log=store / f"peer-{name}.log")


def _environment(name: str, peer: PeerKind, store: Path) -> Path:
    folder = store / "peers" / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = "\n".join(peer.packages)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *peer.packages],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BenchError(reason=f"{name} could not be installed: {error}") from error
        if done.returncode:
            raise BenchError(reason=f"{name} could not be installed: {done.stderr.strip()[-800:]}")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _vocabulary_beside(weights: Path) -> None:
    """CLIP's byte pairs, for a library that keeps them in files of its own (peers/hugging_face.py)."""
    import importlib.util

    spec = importlib.util.find_spec("open_clip")
    target = weights.with_name("bpe_simple_vocab_16e6.txt.gz")
    if spec is not None and spec.origin is not None and not target.exists():
        shutil.copyfile(Path(spec.origin).with_name(target.name), target)
