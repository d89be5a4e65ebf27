"""Weights, a bank, and the model's manifest in a data folder; nothing here is timed."""

from __future__ import annotations

import shutil

from scripts.lab.bench.gpu.setting import setting, tell
from scripts.lab.bench.product import weft


def main() -> None:
    with setting() as given:
        chosen = given.settings()
        for old in ("banks", "current"):
            shutil.rmtree(given.data / old, ignore_errors=True)
        given.data.mkdir(parents=True, exist_ok=True)
        weft(["bank", "build", given.photos.bank()], data_dir=str(given.data), **chosen)
        tell(prepared=True)


if __name__ == "__main__":
    main()
