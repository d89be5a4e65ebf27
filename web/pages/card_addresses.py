"""Addresses that a card needs, put together from parts: making each of 400 by the routes took half of a page's time."""

from __future__ import annotations

from typing import Any

from flask import url_for

from shared.jobs.model import Job
from shared.photos.thumbnail_sizes import LARGE_SIDE, SMALL_SIDE

#: Stands for what differs from card to card.
_PLACE = "0" * 64
_INDEX = "INDEX"


class CardAddresses:
    """Of one job's cards, under the filters of its page."""

    def __init__(self, job: Job, filters: dict[str, Any]) -> None:
        number = 4_294_967_295
        self._thumbnail = url_for("items.photo_thumbnail", sha256=_PLACE).removesuffix(_PLACE)
        self._sample = url_for("bank.sample_picture", version=job.bank, sample_id=_PLACE).removesuffix(_PLACE)
        self._correct = url_for("pages.correct", job_id=job.id, index=number).removesuffix(str(number))
        self._review = url_for("pages.review", job_id=job.id, **filters)
        self._review += "&at=" if filters else "?at="
        self._part = url_for("pages.similar", job=job.id, item=number).removesuffix(str(number))
        self._whole = url_for("pages.swatch_card", job_id=job.id, index=number).replace(str(number), _INDEX)
        self._like = url_for("pages.job", job_id=job.id, like=number).removesuffix(str(number))

    def thumbnail(self, sha256: str) -> str:
        return self._thumbnail + sha256

    def sharp(self, sha256: str) -> str:
        """The thumbnail's `srcset`: the browser takes what its screen can show."""
        small = self.thumbnail(sha256)
        return f"{small} {SMALL_SIDE}w, {small}?large=1 {LARGE_SIDE}w"

    def sample(self, identifier: str) -> str:
        return self._sample + identifier

    def correct(self, index: int) -> str:
        return f"{self._correct}{index}"

    def like(self, index: int) -> str:
        return f"{self._like}{index}#results-title"

    def part(self, index: int) -> str:
        """Where a part of the photo is marked, to be classified by itself or compared."""
        return f"{self._part}{index}#part"

    def whole(self, index: int) -> str:
        """The card that a swatch was cut out of, with all of its swatches."""
        return self._whole.replace(_INDEX, str(index))

    def review(self, index: int) -> str:
        return f"{self._review}{index}"
