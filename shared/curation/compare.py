"""What differs between two versions of a bank. No numpy: manifests and lists of samples tell it all."""

from __future__ import annotations

from typing import Any

from shared.bank.store import BankStore

#: What may have happened to a class's samples.
CHANGES = ("added", "removed", "set_aside", "put_back")


def compare(store: BankStore, old: str, new: str) -> dict[str, Any]:
    """From version `old` to `new`, as JSON.

    `changed` names every class whose samples differ: `{"label", "before", "after"}` (samples) and, a list each, the
    samples `added`, `removed`, `set_aside` and `put_back`. A sample is the same while it keeps its class and its bytes.
    Raises NotFound, BankError("bank_damaged").
    """
    before, after = store.manifest(old), store.manifest(new)
    was, now = _by_id(store.samples(old)), _by_id(store.samples(new))
    was_aside, now_aside = _by_id(store.aside(old)), _by_id(store.aside(new))
    counts_before = {entry["label"]: entry["count"] for entry in before["classes"]}
    counts_after = {entry["label"]: entry["count"] for entry in after["classes"]}

    changed: dict[str, dict[str, Any]] = {}

    def note(what: str, sample: dict[str, Any]) -> None:
        label = sample["label"]
        row = changed.setdefault(
            label,
            {"label": label, "before": counts_before.get(label, 0), "after": counts_after.get(label, 0)}
            | {change: [] for change in CHANGES},
        )
        row[what].append(sample)

    for identifier, sample in now.items():
        if identifier not in was:
            note("put_back" if identifier in was_aside else "added", sample)
    for identifier, sample in was.items():
        if identifier not in now:
            note("set_aside" if identifier in now_aside else "removed", now_aside.get(identifier, sample))

    return {
        "old": old,
        "new": new,
        "same_model": before["identity"] == after["identity"],
        "classes": {
            "added": sorted(counts_after.keys() - counts_before.keys()),
            "removed": sorted(counts_before.keys() - counts_after.keys()),
        },
        "samples": {change: sum(len(row[change]) for row in changed.values()) for change in CHANGES},
        "changed": [changed[label] for label in sorted(changed)],
        "method": {"before": before["ranking"]["method"], "after": after["ranking"]["method"]},
        "measured": {"before": before["ranking"].get("measured"), "after": after["ranking"].get("measured")},
    }


def _by_id(samples: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {sample["id"]: sample for sample in samples}
