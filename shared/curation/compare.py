"""What differs between two versions of a bank. No numpy: manifests and lists of samples tell it all."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import Annotated

from pydantic import PlainSerializer

from shared.bank.manifest import ClassEntry, Manifest
from shared.bank.ranking_fit import Measured, Method
from shared.bank.samples import Sample
from shared.bank.store import BankStore
from shared.core.documents import Document
from shared.curation.reports import BeforeAfter

SampleRow = Annotated[Sample, PlainSerializer(Sample.to_json)]


class ClassDifference(Document):
    """A class whose samples differ. A sample is the same while it keeps its class and its bytes."""

    label: str
    #: Samples.
    before: int
    after: int
    added: list[SampleRow]
    removed: list[SampleRow]
    set_aside: list[SampleRow]
    put_back: list[SampleRow]


class ClassesDiffer(Document):
    """Labels of the classes that came and went."""

    added: list[str]
    removed: list[str]


class NamesDiffer(Document):
    """A class that is new or named otherwise; `before` None: new."""

    label: str
    before: ClassEntry | None
    after: ClassEntry


class SamplesDiffer(Document):
    """Numbers of samples that came and went."""

    added: int
    removed: int
    set_aside: int
    put_back: int


class Comparison(Document):
    """What differs from the version `old` to `new`."""

    old: str
    new: str
    same_model: bool
    classes: ClassesDiffer
    #: By label; also of classes without samples.
    names: list[NamesDiffer]
    samples: SamplesDiffer
    #: By label.
    changed: list[ClassDifference]
    method: BeforeAfter[Method]
    measured: BeforeAfter[Measured | None]


class SampleChange(StrEnum):
    """What may have happened to a class's samples: the fields of `ClassDifference`."""

    ADDED = "added"
    REMOVED = "removed"
    SET_ASIDE = "set_aside"
    PUT_BACK = "put_back"


def compare(store: BankStore, old: str, new: str) -> Comparison:
    """From version `old` to `new`. Raises NotFound, BankError("bank_damaged")."""
    before, after = store.manifest(old), store.manifest(new)
    counts_before = {entry.label: entry.count for entry in before.classes}
    counts_after = {entry.label: entry.count for entry in after.classes}
    changes: dict[SampleChange, defaultdict[str, list[Sample]]] = {change: defaultdict(list) for change in SampleChange}

    came, gone = _differing(store, before, after)
    was_aside = {row.id for row in store.aside_rows(old) if row.id in came} if came else set()
    now_aside = {row.id: row for row in store.aside_rows(new) if row.id in gone} if gone else {}
    for identifier, sample in came.items():
        change = SampleChange.PUT_BACK if identifier in was_aside else SampleChange.ADDED
        changes[change][sample.label].append(sample)
    for identifier, sample in gone.items():
        change = SampleChange.SET_ASIDE if identifier in now_aside else SampleChange.REMOVED
        changes[change][sample.label].append(now_aside.get(identifier, sample))

    def numbers(change: SampleChange) -> int:
        return sum(map(len, changes[change].values()))

    return Comparison(
        old=old,
        new=new,
        same_model=before.identity == after.identity,
        classes=ClassesDiffer(
            added=sorted(counts_after.keys() - counts_before.keys()),
            removed=sorted(counts_before.keys() - counts_after.keys()),
        ),
        names=_names(before, after),
        samples=SamplesDiffer(
            added=numbers(SampleChange.ADDED),
            removed=numbers(SampleChange.REMOVED),
            set_aside=numbers(SampleChange.SET_ASIDE),
            put_back=numbers(SampleChange.PUT_BACK),
        ),
        changed=[
            ClassDifference(
                label=label,
                before=counts_before.get(label, 0),
                after=counts_after.get(label, 0),
                added=changes[SampleChange.ADDED].get(label, []),
                removed=changes[SampleChange.REMOVED].get(label, []),
                set_aside=changes[SampleChange.SET_ASIDE].get(label, []),
                put_back=changes[SampleChange.PUT_BACK].get(label, []),
            )
            for label in sorted(set().union(*changes.values()))
        ],
        method=BeforeAfter[Method](before=before.ranking.method, after=after.ranking.method),
        measured=BeforeAfter[Measured | None](before=before.ranking.measured, after=after.ranking.measured),
    )


def _names(before: Manifest, after: Manifest) -> list[NamesDiffer]:
    was = {entry.label: entry.without_count() for entry in (*before.unused_classes, *before.classes)}
    now = {entry.label: entry.without_count() for entry in (*after.unused_classes, *after.classes)}
    return [
        NamesDiffer(label=label, before=was.get(label), after=now[label])
        for label in sorted(now)
        if was.get(label) != now[label]
    ]


def _differing(store: BankStore, before: Manifest, after: Manifest) -> tuple[dict[str, Sample], dict[str, Sample]]:
    """Samples by id that only `after` has, and those that only `before` has.

    Compared a class at a time, and not read where both versions have the same lines: a sample's id is of its class.
    """
    was, now = store.rows(before.version), store.rows(after.version)
    numbers = {entry.label: number for number, entry in enumerate(before.classes)}
    came: dict[str, Sample] = {}
    gone: dict[str, Sample] = {}
    for number, entry in enumerate(after.classes):
        other = numbers.pop(entry.label, None)
        if other is not None and was.lines(other) == now.lines(number):
            continue
        old = {} if other is None else {row.id: row for row in was.of_class(other)}
        new = {row.id: row for row in now.of_class(number)}
        came |= {identifier: row for identifier, row in new.items() if identifier not in old}
        gone |= {identifier: row for identifier, row in old.items() if identifier not in new}
    for number in numbers.values():
        gone |= {row.id: row for row in was.of_class(number)}
    return came, gone
