"""How photos become a job: the same admission, choices, limits and checks for pages, API and command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shared.bank.manifest import DEFAULT_BANK
from shared.bank.store import BankStore
from shared.core.errors import InvalidRequest
from shared.core.names import display_name, title
from shared.core.settings import Settings
from shared.core.start_time import deadline, start_time
from shared.core.window import parsed
from shared.jobs.admission import require_room, require_space
from shared.jobs.intake.folders import allowed_folder
from shared.jobs.intake.idempotency import Repeatable
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.intake.receive import Progress, keep_sent, receive
from shared.jobs.intake.repeating import photos_of
from shared.jobs.intake.sources import Source
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.submission import SENT_FINGERPRINT
from shared.jobs.ledger.uploads import UploadedFile
from shared.jobs.model import Item, Job, JobSpec, Lane, Priority, Sent
from shared.jobs.splitting import Split
from shared.ranking.model import PRESETS
from shared.storage import Storage

#: A job of at most this many photos is somebody waiting; more is a night's work.
INTERACTIVE_ITEMS = 16
#: Swatches of a card, before it has been looked at.
USUAL_SWATCHES = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user may ask for besides the photos; everything has a default."""

    name: str = ""
    preset: str | None = None
    #: The job starts no earlier: a time (without a zone: this machine's), or seconds since the epoch.
    not_before: datetime | float | None = None
    #: Who asks.
    owner: str | None = None
    #: A bank, by id or name (its active version), or a version; None: the default bank.
    bank: str | None = None
    priority: Priority = Priority.NORMAL
    #: The hours in which the job works: see `shared.core.window.parsed`; None or empty: always.
    window: str | None = None
    #: When it should be done, as `not_before`.
    deadline: datetime | float | None = None
    #: Id of the collection that it is a run of.
    collection: str | None = None
    #: What of each photo becomes an item; None: the photo.
    split: Split | None = None


class Intake:
    """Accepts one submission. It exists only where there is room for more work: no job passes it by.

    Every method raises BankError (`no_bank`), NotFound (an unknown bank), Conflict (`idempotency_*`, `bank_archived`),
    InvalidRequest (`unknown_preset`, `start_out_of_range`, `window_hours`, `deadline_out_of_range`…), Unavailable.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, storage: Storage, banks: BankStore, incoming_bytes: int = 0
    ) -> None:
        """`incoming_bytes`: what is about to arrive, where that is known beforehand.

        Raises Unavailable (`memory_full`, `disk_full`, `disk_too_small`, `redis_unavailable`).
        """
        require_room(settings, ledger)
        require_space(settings, incoming_bytes)
        self._settings = settings
        self._ledger = ledger
        self._storage = storage
        self._banks = banks

    def submit_files(
        self,
        sources: Sequence[Source],
        wish: Wish,
        repeatable: Repeatable,
        *,
        known: KnownFiles | None = None,
        progress: Progress | None = None,
        left_out: Counter[str] | None = None,
    ) -> Job:
        """Photos and archives, all durable before the ledger hears of them; archives are unpacked by the dispatcher.

        `left_out`: what the sender left out already, by kind. Also raises as `receive.receive`.
        """
        spec = replace(self._spec("upload", wish, Lane.BULK), left_out=dict(left_out or {}) or None)
        if spec.split or any(source.is_archive for source in sources):
            return self._submit_archives(sources, spec, repeatable, known, progress)
        items = receive(sources, self._storage, self._settings, known, progress)
        named = spec.name or default_name([source.name for source in sources], len(items))
        return self._accept(
            replace(spec, name=named, lane=_lane(len(items), spec)),
            items,
            _upload_values(spec),
            repeatable,
        )

    def check(self, wish: Wish) -> JobSpec:
        """What an upload would be, before anything is sent."""
        return self._spec("upload", wish, Lane.BULK)

    def submit_stored(self, files: Sequence[UploadedFile], wish: Wish, repeatable: Repeatable) -> Job:
        """Photos and archives that are stored already, in their order."""
        spec = self.check(wish)
        if spec.split or any(file.is_archive for file in files):
            sent = [Sent(file.name, file.sha256, file.size, file.is_archive) for file in files]
            counts = [file.photos for file in files]
            return self._submit_sent(sent, sum(n or 0 for n in counts), None not in counts, spec, repeatable)
        items = [Item(n, file.name, sha256=file.sha256, size=file.size) for n, file in enumerate(files)]
        named = replace(spec, name=spec.name or default_name([file.name for file in files], len(items)))
        lane = _lane(len(items), spec)
        return self._accept(replace(named, lane=lane), items, _upload_values(spec), repeatable)

    def _submit_archives(
        self,
        sources: Sequence[Source],
        spec: JobSpec,
        repeatable: Repeatable,
        known: KnownFiles | None,
        progress: Progress | None,
    ) -> Job:
        sent, survey = keep_sent(sources, self._storage, self._settings, known, progress)
        return self._submit_sent(sent, survey.photos, survey.counted, spec, repeatable)

    def _submit_sent(
        self, sent: Sequence[Sent], photos: int, counted: bool, spec: JobSpec, repeatable: Repeatable
    ) -> Job:
        """`photos`: how many there are, as far as the archives tell; `counted`: it is all of them."""
        items = photos * USUAL_SWATCHES if spec.split else photos
        lane = _lane(items, spec) if counted else Lane.BULK
        name = spec.name or default_name([file.name for file in sent], photos)
        named = replace(spec, name=name, lane=lane, expected=photos)
        # As of photos, with the archives themselves in the place of what is in them.
        files = [Item(n, file.name, sha256=file.sha256) for n, file in enumerate(sent)]
        print_ = repeatable.fingerprint(_upload_values(spec), files)
        return repeatable.submit(
            lambda key, asked: self._ledger.submit_sent(named, sent, key, asked), SENT_FINGERPRINT + print_
        )

    def classify(
        self,
        sources: Sequence[Source],
        wish: Wish,
        repeatable: Repeatable,
        *,
        one: bool = False,
        progress: Progress | None = None,
    ) -> Job:
        """Photos that somebody waits for; with `one`, exactly one. Also raises as `receive.receive`."""
        spec = self._spec("classify", wish, Lane.INTERACTIVE)
        items = receive(sources, self._storage, self._settings, progress=progress)
        if one and len(items) != 1:
            raise InvalidRequest("one_photo_only")
        named = replace(spec, name=spec.name or title(items[0].name) or "photo")
        return self._accept(named, items, ("classify", spec.preset, *_chosen(spec)), repeatable)

    def submit_folder(self, path: str, wish: Wish, repeatable: Repeatable, roots: Sequence[Path] | None = None) -> Job:
        """A folder below one of `roots` (None: `WEFT_FOLDER_ROOTS` of this process), which the dispatcher lists.

        Also raises as `folders.allowed_folder`.
        """
        spec = self._spec("folder", wish, Lane.BULK)
        folder = allowed_folder(path, self._settings.roots if roots is None else roots)
        asked = ("folder", path, spec.name, spec.preset, spec.not_before, *_chosen(spec))
        named = replace(spec, name=spec.name or title(folder.name) or "folder", path=str(folder))
        return self._accept(named, None, asked, repeatable)

    def submit_listed(
        self, folder: str | None, items: Collection[Item], wish: Wish, repeatable: Repeatable, asked: Sequence[object]
    ) -> Job:
        """Files of a folder that is listed already: references with names from `folder` on, which lies below a root;
        None: copies in the storage.

        `asked`: what tells this submission from others; the items are not part of it.
        """
        spec = self._spec("folder", wish, Lane.BULK)
        named = replace(spec, name=spec.name or title(Path(folder or "").name) or "folder", path=folder)
        if folder is None:
            named = replace(named, kind="upload")

        def accept(key: str | None, fingerprint: str) -> Job:
            return self._ledger.submit(named, items, key, fingerprint)

        return repeatable.submit(accept, repeatable.fingerprint(("listed", *asked), None))

    def repeat(self, job: Job, wish: Wish, repeatable: Repeatable) -> Job:
        """The photos of a job once more, as a job of its own; what is not wished stays as it was, but for the bank's
        version, which is the active one.

        Also raises NotFound for an unknown bank version, and as `repeating.photos_of`.
        """
        kind = "folder" if job.path is not None else "upload"
        same = replace(
            wish, name=wish.name or job.name, preset=wish.preset or job.preset, bank=wish.bank or job.bank_id
        )
        spec = self._spec(kind, same, Lane.BULK)
        items = photos_of(self._settings, self._ledger, job)
        lane = Lane.BULK if kind == "folder" else _lane(len(items), spec)
        named = replace(spec, lane=lane, path=job.path, repeats=job.id, split=job.split)
        return self._accept(
            named, items, ("repeat", job.id, spec.name, spec.preset, spec.bank, *_priority(spec)), repeatable
        )

    def _spec(self, kind: str, wish: Wish, lane: Lane) -> JobSpec:
        """What is asked for, pinned to a bank and the encoder that built it."""
        preset = chosen_preset(wish.preset, self._settings.preset_for(kind))
        starts = start_time(wish.not_before)
        window = parsed(wish.window) if wish.window and wish.window.strip() else None
        manifest = self._banks.chosen(wish.bank)
        return JobSpec(
            name=title(wish.name),
            preset=preset,
            lane=lane,
            kind=kind,
            bank=manifest.version,
            model=manifest.model,
            identity=manifest.identity,
            not_before=starts,
            owner=wish.owner,
            priority=None if wish.priority is Priority.NORMAL else wish.priority,
            bank_id=manifest.bank,
            window=str(window) if window else None,
            deadline=deadline(wish.deadline, starts),
            collection=wish.collection,
            split=wish.split if kind in ("upload", "folder") else None,
        )

    def _accept(
        self, spec: JobSpec, items: Sequence[Item] | None, asked: tuple[object, ...], repeatable: Repeatable
    ) -> Job:
        def accept(key: str | None, fingerprint: str) -> Job:
            if items is None:
                return self._ledger.submit_folder(spec, key, fingerprint)
            return self._ledger.submit(spec, items, key, fingerprint)

        return repeatable.submit(accept, repeatable.fingerprint(asked, items))


def _upload_values(spec: JobSpec) -> tuple[object, ...]:
    """What an upload's fingerprint has besides its files. Without a start time there is no such value, as in earlier
    versions."""
    start = () if spec.not_before is None else (spec.not_before,)
    return ("upload", spec.name, spec.preset, *start, *_chosen(spec))


def _chosen(spec: JobSpec) -> tuple[str, ...]:
    """What a fingerprint has of priority, bank, hours and deadline: nothing of the usual, as in earlier versions."""
    bank = () if spec.bank_id == DEFAULT_BANK else ("bank", spec.bank_id)
    window = () if spec.window is None else ("window", spec.window)
    by = () if spec.deadline is None else ("deadline", str(spec.deadline))
    split = () if spec.split is None else ("split", spec.split.value)
    return (*_priority(spec), *bank, *window, *by, *split)


def _priority(spec: JobSpec) -> tuple[str, ...]:
    return () if spec.priority is None else (spec.priority.value,)


def _lane(photos: int, spec: JobSpec) -> Lane:
    """Nobody waits for a job that is to have what others leave, or that works at certain hours only."""
    return Lane.BULK if spec.priority is Priority.LOW or spec.window else lane_of(photos, spec.not_before)


def chosen_preset(wished: str | None, default: str) -> str:
    """The preset that is asked for, or the default. Raises InvalidRequest (`unknown_preset`)."""
    preset = (wished or "").strip() or default
    if preset not in PRESETS:
        raise InvalidRequest("unknown_preset", preset=preset, choices=", ".join(PRESETS))
    return preset


def lane_of(photos: int, not_before: float | None = None) -> Lane:
    """The lane of a job whose photos are known. Nobody waits for a job that is scheduled."""
    return Lane.INTERACTIVE if photos <= INTERACTIVE_ITEMS and not_before is None else Lane.BULK


def default_name(sent: Sequence[str], photos: int) -> str:
    """A job's name where none is given, from the names of the files that were sent and the number of their photos.

    The folder that they all came in; else the only file's name, or the first one's and the number of further photos.
    """
    names = [display_name(name) for name in sent]
    folders = {name.partition("/")[0] if "/" in name else "" for name in names}
    if len(folders) == 1 and "" not in folders:
        return title(folders.pop()) or "photos"
    first = names[0].rpartition("/")[2]
    # Nothing is left of a name of control characters.
    return title(first if len(names) == 1 else f"{first} +{photos - 1}") or "photos"
