"""torch's plain loop from files to vectors, as most people write it (peers/batch_script.py), on the device."""

from __future__ import annotations

from scripts.lab.bench import model
from scripts.lab.bench.gpu.setting import setting, tell
from scripts.lab.bench.peers.process import Peer
from scripts.lab.bench.photos import files


def main() -> None:
    with setting() as given:
        weights = model.weights(given.store, given.architecture)
        count = max(32, given.count // 4)
        with Peer.of_this_environment("batch_script", given.architecture, weights) as script:
            script.encode(files(given.photos.fresh("1mp", 32)))
            rounds = [script.encode(files(given.photos.fresh("1mp", count))).per_second for _ in range(2)]
            tell(plain_script_per_s=max(rounds), photos=count)


if __name__ == "__main__":
    main()
