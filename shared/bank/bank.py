"""One bank version in memory: arrays mapped from disk, never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.bank.manifest import VECTORS, ClassEntry, Manifest
from shared.bank.server.connection import BankServer
from shared.core.encoder_info import EncoderInfo, told_apart
from shared.core.engine_names import HASH_ENGINES
from shared.core.errors import BankError

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Bank:
    """Classes sorted by label; the samples of a class lie beside each other in `vectors`."""

    version: str
    manifest: Manifest
    #: [C] labels.
    labels: tuple[str, ...]
    #: [n, d] float16, L2-normalised rows, memory-mapped; [0, d] where `server` has them.
    vectors: npt.NDArray[np.float16]
    #: [C + 1] the samples of class c are rows starts[c]:starts[c + 1].
    starts: npt.NDArray[np.int64]
    #: [C, d] float32, L2-normalised means.
    centroids: Floats
    #: [n] bytes, sample ids.
    ids: npt.NDArray[np.bytes_]
    #: [C, d] float32, L2-normalised class-name embeddings, where the model has a text tower.
    texts: Floats | None
    #: [N, d] float32, the same of the classes without a sample (the manifest's `unused_classes`).
    names: Floats | None
    #: [C, d + 1] float32, weights and bias of a linear method (GDA, ridge), where one was chosen.
    linear: Floats | None
    #: Who answers for the vectors, where they are not here.
    server: BankServer | None = None
    #: What ranking has made of it, for `shared.ranking`: it goes where the bank goes.
    rankers: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, folder: Path, manifest: Manifest, server: BankServer | None = None) -> Bank:
        """Maps a version's arrays, without the vectors where `server` has them.

        Raises BankError("bank_damaged") where they contradict the manifest.
        """

        def array(name: str, mmap: bool = False) -> Any:
            if name not in manifest.files:
                return None
            return np.load(folder / name, mmap_mode="r" if mmap else None, allow_pickle=False)

        try:
            counts = [entry.count for entry in manifest.classes]
            bank = cls(
                version=manifest.version,
                manifest=manifest,
                labels=tuple(entry.label for entry in manifest.classes),
                vectors=np.empty((0, manifest.encoder.dim), np.float16) if server else array(VECTORS, mmap=True),
                starts=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
                centroids=array("centroids.npy"),
                ids=array("ids.npy", mmap=True),
                texts=array("texts.npy"),
                names=array("names.npy"),
                linear=array("linear.npy"),
                server=server,
            )
            rows, dim = (len(bank.ids) if server else len(bank.vectors)), bank.vectors.shape[1]
            consistent = rows == bank.starts[-1] == len(bank.ids) and bank.centroids.shape == (len(counts), dim)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as failure:
            raise BankError("bank_damaged", version=manifest.version, reason=str(failure)) from failure
        if not consistent or dim != bank.dim:
            raise BankError("bank_damaged", version=bank.version, reason="arrays and manifest disagree")
        if not rows and bank.names is None:
            raise BankError("bank_empty")
        return bank

    @property
    def model(self) -> str:
        return self.manifest.model

    @property
    def identity(self) -> str:
        return self.manifest.identity

    @property
    def rows(self) -> int:
        """Samples, wherever their vectors lie."""
        return int(self.starts[-1])

    @property
    def dim(self) -> int:
        return self.manifest.encoder.dim

    @property
    def meaningful(self) -> bool:
        """Whether vectors show what is in a photo: hash engines' do not."""
        return self.manifest.encoder.engine not in HASH_ENGINES

    @property
    def classes(self) -> list[ClassEntry]:
        """The manifest's classes."""
        return self.manifest.classes

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """[C] samples per class."""
        return np.diff(self.starts)

    def aside_vectors(self, folder: Path) -> npt.NDArray[np.float16]:
        """[a, d] vectors of the samples set aside, mapped, in the order of `aside_rows`; `folder` is the version's."""
        if "aside.npy" not in self.manifest.files:
            return np.empty((0, self.dim), np.float16)
        rows: npt.NDArray[np.float16] = np.load(folder / "aside.npy", mmap_mode="r", allow_pickle=False)
        return rows

    def require(self, info: EncoderInfo) -> None:
        """Refuses vectors of another encoder: same model, weights and preprocessing (`identity`), not same precision.

        Engines that derive vectors from hashes may use any bank of their dimension (they test the plumbing), but a bank
        that they built is refused by every real engine. Raises BankError("bank_model_mismatch") with both names.
        """
        if info.engine in HASH_ENGINES:
            fits = info.dim == self.dim
        else:
            fits = info.identity == self.identity and self.meaningful
        if not fits:
            mine, other = told_apart(self.manifest.encoder, info)
            raise BankError("bank_model_mismatch", bank_model=mine, model=other)
