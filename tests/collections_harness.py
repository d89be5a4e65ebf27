"""A collection of a running product, and the files in it; its runs are done by the product's dispatcher."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.collections.collection import Collection, Rules
from shared.collections.results import CollectionResults, as_json
from shared.collections.runs import Run
from shared.collections.store import Collections, Wish
from shared.jobs.ledger import Ledger
from tests.bank_api import all_items, call
from tests.product import Product, eventually

#: Older than what may still be being written.
OLD = 3600.0


def write(path: Path, content: str, age: float = OLD) -> Path:
    """A file that was changed `age` seconds ago; the null engine takes any bytes for a photo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    at = time.time() - age
    os.utime(path, (at, at))
    return path


@dataclass
class Site:
    """One collection and its first folder."""

    product: Product
    folder: Path
    own: Collection

    @classmethod
    def make(cls, product: Product, name: str, rules: Rules | None = None, photos: int = 0) -> Site:
        """A folder with so many photos, and its collection."""
        folder = product.photos / name
        folder.mkdir(parents=True, exist_ok=True)
        for n in range(photos):
            write(folder / f"{n:04}.jpg", f"{name} {n}")
        made = Collections(product.settings).new(Wish(name=name, folders=(str(folder),), rules=rules))
        return cls(product, folder, made)

    @property
    def collections(self) -> Collections:
        return Collections(self.product.settings)

    def ask(self, **how: Any) -> Run:
        """Asks for a run."""
        with self.collections.index(self.own.id) as index:
            return index.runs.ask(**how)

    def found(self, run_id: str) -> Run:
        """A run as it is now."""
        with self.collections.index(self.own.id) as index:
            return index.runs.find(run_id)

    def run(self, **how: Any) -> Run:
        """One run, to the end of its job."""
        return self.ended(self.ask(**how))

    def ended(self, run: Run) -> Run:
        """A run that has ended."""
        eventually(lambda: not self.found(run.id).under_way, what="the run's end")
        return self.found(run.id)

    def known(self) -> dict[str, int]:
        """Files that are present and gone."""
        with self.collections.index(self.own.id) as index:
            return index.counts()

    def items(self, run: Run) -> dict[str, Any]:
        """The results of a run's job, by name."""
        return {item["name"]: item for item in all_items(self.product, {"id": run.job})}

    def results(self) -> dict[str, Any]:
        """What the collection says of each file that is there, by its name in the folder."""
        settings = self.product.settings
        with self.collections.index(self.own.id) as index:
            read = CollectionResults(settings, Ledger.connect(settings), self.own, index)
            rows = [as_json(read, file) for file in read.all()]
        return {str(Path(row["path"]).relative_to(self.folder)): row for row in rows}

    def review(self, name: str, label: str) -> None:
        """Correct the latest result of a file."""
        row = self.results()[name]
        call(self.product, "PATCH", f"/jobs/{row['job']}/items/{row['index']}", {"label": label})


def counts(run: Run) -> dict[str, int]:
    """What a run counted, without zeros."""
    return {name: count for name, count in run.counts.items() if count}
