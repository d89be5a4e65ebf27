"""What every measurement is given: photos, models, data folders, and how much time there is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from scripts.lab.bench import model
from scripts.lab.bench.photos import Photos
from scripts.lab.bench.product import weft
from shared.core.errors import ModelError
from shared.core.settings import Settings, cores
from shared.encoder import load_encoder

#: Seconds of measuring in a quick run after which nothing more is begun; preparing does not count.
QUICK_SECONDS = 150.0


@dataclass
class Bench:
    """One run."""

    #: Kept between runs: pictures, weights, converted models, the peers' environments.
    store: Path
    #: Removed at the end.
    work: Path
    quick: bool
    say: Callable[[str], None]
    #: WEFT_ENGINE of the measured product.
    engine: str = "openvino"
    #: Peers to measure against; empty: none.
    peers: tuple[str, ...] = ()
    #: A person's own folder-per-class set, to build a bank of and to classify.
    own_bank: Path | None = None
    own_photos: Path | None = None
    began: float = field(default_factory=time.monotonic)

    #: Nested calls of `preparing`.
    _depth: int = 0

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """What is done here (pictures, weights, conversion, banks) takes nothing of a quick run's time."""
        began, self._depth = time.monotonic(), self._depth + 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self.began += time.monotonic() - began

    @cached_property
    def photos(self) -> Photos:
        return Photos(self.store / "pictures", self.work / "photos", self.preparing)

    @property
    def out_of_time(self) -> bool:
        return self.quick and time.monotonic() - self.began > QUICK_SECONDS

    @cached_property
    def weights(self) -> Path:
        self.say(f"weights: {model.ARCHITECTURE}, seeded")
        with self.preparing():
            return model.weights(self.store)

    @property
    def _floating(self) -> dict[str, str]:
        """Settings under which a bank is built and a model converted: int8 is made from that."""
        return self.settings | {"engine": "openvino" if self.engine == "openvino-int8" else self.engine}

    @property
    def settings(self) -> dict[str, str]:
        """WEFT_ settings of the measured model."""
        return {"model": model.setting(self.weights), "engine": self.engine}

    @cached_property
    def template(self) -> Path:
        """A data folder with the converted model and a published bank."""
        with self.preparing():
            folder = self.data("model", self.photos.bank(), **self._floating)
            if self.engine == "openvino-int8":
                self._quantized(folder)
            # Tuned once, here: every product that is started on a copy finds it.
            load_encoder(self.of(folder), threads=cores(), say=self.say, concurrent=True).close()
        return folder

    def _quantized(self, folder: Path) -> None:
        """Made once, where the leave-one-out check lets it."""
        try:
            load_encoder(self.of(folder), threads=cores()).close()
        except ModelError:
            self.say("quantizing")
            weft(["model", "quantize", "--bank", self.photos.bank()], data_dir=str(folder), **self._floating)

    def of(self, folder: Path) -> Settings:
        """This process's settings for a data folder."""
        return Settings.model_validate(self.settings | {"data_dir": folder})

    @cached_property
    def null_template(self) -> Path:
        """A data folder with a published bank for the engines without a model."""
        return self.data("null", self.photos.bank(), engine="null", model="demo")

    def data(self, name: str, bank: Path, **settings: str) -> Path:
        """A data folder with a bank built from `bank`; converted models are kept from the last time."""
        folder = self.store / f"data-{name}"
        for old in ("banks", "current"):
            shutil.rmtree(folder / old, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.say(f"bank: {bank.name} ({name})")
        with self.preparing():
            weft(["bank", "build", bank], data_dir=str(folder), **settings)
        return folder

    def pick(self, quick: int, full: int) -> int:
        return quick if self.quick else full
