"""Asks the process that compares vectors. Imports nothing numeric: the web process stays light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shared.core.errors import NotFound, Unavailable, WeftError
from shared.core.kept_child import KeptChild
from shared.core.settings import Settings

#: Photos that one request over several jobs compares exactly, at most, the newest jobs first; of older ones, which have
#: ended, the archive is asked (`shared.similar.archive`).
MOST_COMPARED = 300_000
#: Jobs that are looked through, the newest first.
MOST_JOBS = 2_000


@dataclass(frozen=True, slots=True)
class Match:
    job: str
    item: int
    #: Cosine of the two embeddings.
    similarity: float


@dataclass(frozen=True, slots=True)
class Matches:
    #: The most similar first; the photo that was asked for is among them where its job was searched.
    found: list[Match]
    #: Photos that were compared.
    compared: int
    #: Jobs that were not searched: no results yet, or too many photos at once and not in the archive yet.
    jobs_left_out: int
    #: Why the bank server was not searched: its photos are only found as far as files have them, too.
    away: WeftError | None = None


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Photos that look alike: positions in the job, the one most like all others first."""

    items: list[int]
    #: Mean cosine with the first.
    likeness: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which photos of all jobs are meant; what is None leaves none out."""

    job: str | None = None
    #: When their jobs were made, in seconds since the epoch.
    since: float | None = None
    until: float | None = None
    #: Every name of the class that is meant.
    labels: Sequence[str] | None = None
    verdict: str | None = None
    review: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A job of the installation, for the bank server."""

    id: str
    identity: str
    #: Seconds since the epoch.
    created: float
    #: Its results change no more, except by reviews. Of others, what is there stays as it is.
    ended: bool


@dataclass(frozen=True, slots=True)
class Older:
    """Where photos are found that are too many to be compared one by one."""

    #: Of the model of the embeddings.
    identity: str
    #: Those of the jobs whose results change no more.
    ended: Sequence[str]
    #: The bank server chooses by it, and gives so many; of what is in files, the caller chooses.
    wanted: Wanted = Wanted()
    enough: int = 500


class Similar:
    """For use from several threads; requests are answered one after another."""

    def __init__(self, settings: Settings) -> None:
        self._child = KeptChild("shared.similar.server", WEFT_DATA_DIR=str(settings.data_dir))

    def like_photo(self, job: str, item: int, jobs: Sequence[str], limit: int, older: Older | None = None) -> Matches:
        """The `limit` photos of `jobs` most similar to a photo. Raises NotFound, Unavailable."""
        return self._like({"job": job, "item": item}, jobs, limit, older)

    def like_sample(
        self, bank: str, sample: str, jobs: Sequence[str], limit: int, older: Older | None = None
    ) -> Matches:
        """The `limit` photos of `jobs` most similar to a bank's sample. Raises NotFound, Unavailable."""
        return self._like({"bank": bank, "sample": sample}, jobs, limit, older)

    def fill(self, identity: str, jobs: Sequence[str]) -> int:
        """Adds ended jobs of a model to its archive for a few seconds; returns how many. Raises Unavailable."""
        added: int = self._ask({"do": "fill", "identity": identity, "jobs": list(jobs)})["added"]
        return added

    def serve(self, sources: Sequence[Source]) -> bool:
        """For a few seconds, adds to the bank server what it lacks of these jobs, which are all that there are, and
        takes from it what is gone. Returns whether something was done. Raises Unavailable, also for what
        `photo_filling.fill` raises."""
        told = [[source.id, source.identity, source.created, source.ended] for source in sources]
        done: bool = self._ask({"do": "serve", "sources": told})["done"]
        return done

    def copies(self, job: str) -> list[LookAlikes]:
        """Groups of photos that are one photo: copied, resized, compressed again. Raises NotFound, Unavailable."""
        return self._groups({"do": "groups", "of": "copies", "job": job})

    def without_class(self, job: str, bank: str) -> list[LookAlikes]:
        """Groups of photos, not in bank and not reviewed, that look like one cloth. Raises NotFound, Unavailable."""
        return self._groups({"do": "groups", "of": "unknown", "job": job, "bank": bank})

    def across_classes(self, bank: str) -> float | None:
        """The cosine that half of a bank version's samples reach with a sample of another class; None for a bank of one
        class. Raises NotFound, Unavailable, also where the version is gone."""
        likeness: float | None = self._ask({"do": "across", "bank": bank})["likeness"]
        return likeness

    def close(self) -> None:
        self._child.close()

    def _like(self, of: dict[str, Any], jobs: Sequence[str], limit: int, older: Older | None) -> Matches:
        told: dict[str, Any] = {"identity": older.identity if older else "", "ended": []}
        if older:
            told |= {"ended": list(older.ended), "wanted": asdict(older.wanted), "enough": older.enough}
        answer = self._ask({"do": "like", "of": of, "jobs": list(jobs), "limit": limit} | told)
        away = answer.get("away")
        return Matches(
            [Match(*match) for match in answer["found"]],
            answer["compared"],
            answer["jobs_left_out"],
            Unavailable(away["code"], **away["detail"]) if away else None,
        )

    def _groups(self, request: dict[str, Any]) -> list[LookAlikes]:
        return [LookAlikes(**group) for group in self._ask(request)["groups"]]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        answer, _ = self._child.ask(request)
        if answer.get("status") == NotFound.status:
            raise NotFound(answer["code"], **answer["detail"])
        if "code" in answer:
            raise Unavailable(answer["code"], **answer["detail"])
        return answer
