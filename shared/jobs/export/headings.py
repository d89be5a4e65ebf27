"""Headings and values of tables in the user's language, for people; programs get the API's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.core.i18n import N_, gettext
from shared.jobs.export.columns import NAMES

#: Column → heading; of numbered columns (`class_1`) the part before the number.
HEADINGS = {
    "index": N_("No."),
    "name": N_("File name"),
    "status": N_("State"),
    "label": N_("Predicted class"),
    "verdict": N_("Verdict"),
    "confidence": N_("Confidence"),
    "margin": N_("Margin"),
    "corrected": N_("Corrected class"),
    "class": N_("Class %(number)s"),
    "score": N_("Similarity %(number)s"),
    "sample": N_("Sample %(number)s"),
    "cached": N_("From cache"),
    "error": N_("Error code"),
    "message": N_("Reason"),
    "sha256": N_("SHA-256"),
    "model": N_("Model"),
    "bank": N_("Bank"),
    "preset": N_("Preset"),
    "owner": N_("Owner"),
    "review": N_("Review"),
    "final_label": N_("Final class"),
    "reviewed_at": N_("Reviewed at"),
    "reviewed_by": N_("Reviewed by"),
    "colour": N_("Colour %(number)s"),
    "colour_hex": N_("Colour code %(number)s"),
    "colour_share": N_("Share of colour %(number)s"),
    "notes": N_("Notes"),
    "camera": N_("Camera"),
    "taken": N_("Taken"),
    "width": N_("Width"),
    "height": N_("Height"),
    "colour_profile": N_("Colour profile"),
    "orientation": N_("Orientation"),
    "label_zh": N_("Predicted class, Chinese"),
    "label_en": N_("Predicted class, English"),
    "final_label_zh": N_("Final class, Chinese"),
    "final_label_en": N_("Final class, English"),
    "evidence": N_("Nearest sample"),
    "engine": N_("Engine"),
    "precision": N_("Precision"),
    "trained": N_("Trained model"),
    "calibrated": N_("Confidence calibrated"),
    "bank_id": N_("Bank id"),
    "bank_name": N_("Name of the bank"),
    "job_id": N_("Job id"),
    "job_name": N_("Job name"),
    "job_created": N_("Job submitted"),
    "job_finished": N_("Job finished"),
    "weft_version": N_("Weft version"),
    "quality": N_("Photo quality"),
    "retake": N_("Take again"),
    "views": N_("Views"),
    "parent": N_("Group code"),
    "parent_name": N_("Group of classes"),
    "parent_confidence": N_("Confidence of the group"),
    "card_sha256": N_("Swatch card"),
    "card": N_("Photo of the card"),
}
_FLAG = {True: N_("yes"), False: N_("no")}
#: Column → its values in words.
VALUES: dict[str, dict[Any, str]] = {
    "status": {"ok": N_("Classified"), "failed": N_("Failed")},
    "verdict": {"label": N_("Recognised"), "unsure": N_("Unsure"), "not_in_bank": N_("Not in bank")},
    "review": {
        "todo": N_("not reviewed"),
        "confirmed": N_("Confirmed"),
        "corrected": N_("Corrected"),
        "rejected": N_("Not a fabric"),
    },
    "cached": _FLAG,
    "trained": _FLAG,
    "calibrated": _FLAG,
    "preset": {
        "development": N_("Development"),
        "realtime": N_("Quick"),
        "standard": N_("Standard"),
        "precise": N_("Precise"),
    },
}
#: Columns that hold the label of a class.
_CLASSES = {"label", "corrected", "final_label", "class"}


class Words:
    """How tables speak to people."""

    def __init__(self, lang: str | None, classes: Mapping[str, str], bank: str | None = None) -> None:
        """`classes`: label → name in the language. `bank`: what stands in the place of the bank's version."""
        self._lang = lang
        self._classes = classes
        self._bank = bank
        self._kinds = [_kind(name)[0] for name in NAMES]

    def headings(self) -> list[str]:
        """In the order of the columns."""
        return [gettext(HEADINGS[kind], self._lang) % {"number": number} for kind, number in map(_kind, NAMES)]

    def row(self, cells: list[Any]) -> list[Any]:
        """A row of `columns.cells`, in words."""
        return [self._word(kind, cell) for kind, cell in zip(self._kinds, cells, strict=True)]

    def class_name(self, label: str) -> str:
        """A class's name, or else its label."""
        return self._classes.get(label, label)

    def _word(self, kind: str, cell: Any) -> Any:
        if kind in _CLASSES:
            return self._classes.get(cell, cell)
        if kind == "bank" and self._bank is not None:
            return self._bank
        known = VALUES.get(kind, {}).get(cell)
        return cell if known is None else gettext(known, self._lang)


def _kind(column: str) -> tuple[str, str]:
    numbered = re.fullmatch(r"(\w+)_(\d)", column)
    return (numbered[1], numbered[2]) if numbered else (column, "")
