"""`weft submit` to a server elsewhere: what it does not have is sent, and an interrupted command goes on."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import click

from scripts.cli import output
from scripts.cli.job_options import submission_options, swatches_option
from scripts.cli.lines import Lines
from scripts.cli.moments import due, hours
from scripts.cli.remote.jobs import watched
from scripts.cli.remote.plan import ARRIVED, MISSED, Fate, Plan, read_plan
from scripts.cli.remote.sending import Sending
from scripts.cli.remote.server import Refused, Server, part
from shared.core.errors import InvalidRequest, WeftError
from shared.core.i18n import gettext as _
from shared.core.messages import sentence
from shared.core.names import readable
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.notes import left_out_sentence
from shared.ranking.model import PRESETS

#: Uploads that are begun for one submission before it is given up: the server may lose one, or hold files that are no
#: longer here.
_UPLOADS = 3
#: Names that are told one by one.
_NAMED = 5


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--name", default="", help="Job name; default: name of the folder or first photo.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Ranking settings; default: standard.")
@click.option("--bank", help="Bank, by ID or name, or a version of one; default: the default bank.")
@submission_options
@swatches_option
@click.option("--watch", is_flag=True, help="Follow the job until it has ended; exit codes as of `weft watch`.")
@click.option("--lines", is_flag=True, help="Print one JSON object per line as photos are sent and classified.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    name: str,
    preset: str | None,
    bank: str | None,
    at: float | None,
    priority: str,
    window: str | None,
    zone: str,
    by: float | str | None,
    swatches: bool,
    watch: bool,
    lines: bool,
) -> None:
    """Send PATHS (photos, zip files, folders) to the server of WEFT_URL as one job and print it.

    Photos that the server has already are not sent. A lost network or a server that restarts is awaited for 15 minutes.
    An interrupted command continues where it stopped when you run it again. Exit code 3 if photos could not be read.
    """
    told = Lines.chosen(ctx, lines)
    server = Server.of(output.state(ctx), told)
    wish = {"name": name, "preset": preset, "bank": bank, "not_before": at, "priority": priority}
    wish |= {"window": hours(window, zone), "deadline": due(by, at), "split": "swatches" if swatches else None}
    asked: dict[str, object] = {key: value for key, value in wish.items() if value is not None}
    with closing(KnownFiles(_cache())) as known:
        places = [os.path.abspath(path) for path in paths]
        request = hashlib.sha256(repr((server.address, places, sorted(asked.items()))).encode()).hexdigest()
        submission = _Submission(server, known, request, asked, told)
        # A server that is not there, or refuses the key or the bank, is known before a mountain is read.
        submission.begin()
        plan = _planned(paths, known)
        job = submission.run(plan)
    _tell_fates(plan)
    missed = bool(plan.count(*MISSED))
    document = {**job, "upload": {fate.value: plan.count(fate) for fate in Fate if fate is not Fate.WAITING}}
    told.tell("submitted", job=document)
    if watch:
        watched(ctx, server, job["id"], told, missed)
    if not lines:
        output.emit(ctx, document, f"{job['id']}  {job['name']}: {job['state']}")
    ctx.exit(output.PARTLY if missed else output.OK)


def _cache() -> Path:
    """Where this user's programs keep what they can do without."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft"


def _planned(paths: tuple[Path, ...], known: KnownFiles) -> Plan:
    with output.progress(_("Reading")) as show:
        plan = read_plan(paths, known, show)
    if left_out := left_out_sentence(plan.left_out):
        output.note(left_out)
    return plan


class _Submission:
    """One command. What it must know to go on after a crash is noted before it matters: the upload, and before the
    job is asked for, which photos it is of."""

    def __init__(self, server: Server, known: KnownFiles, request: str, asked: dict[str, object], told: Lines) -> None:
        self._server = server
        self._known = known
        self._request = request
        self._asked = asked
        self._told = told
        self._upload = ""
        #: The upload is one that an earlier run began; it became a job; of these photos.
        self._again = False
        self._became: str | None = None
        self._digest = ""

    def begin(self) -> None:
        """Takes up what an earlier run began, or begins. Raises as `Server.call`."""
        self._upload, _space, self._digest = (self._known.unfinished(self._request) or "").partition(" ")
        self._server.met = bool(self._upload)
        found = self._found(f"/uploads/{part(self._upload)}") if self._upload else None
        if found is None:
            self._open()
        else:
            self._again, self._became = True, found["job"]

    def run(self, plan: Plan) -> dict[str, Any]:
        """The job. Raises as `Server.call`; InvalidRequest (`no_files`) where no photo can be read."""
        if self._became:
            job = self._found(f"/jobs/{part(self._became)}") if self._digest == plan.digest() else None
            if job:
                # Its answer was lost.
                output.note(sentence("submit_was_accepted", job=job["id"]))
                self._known.finish(self._request)
                return job
            self._open()
        stale: list[str] = []
        for attempt in range(_UPLOADS):
            try:
                job = self._sent(plan)
            except Refused as refused:
                if refused.code not in ("upload_gone", "upload_incomplete") or attempt == _UPLOADS - 1:
                    raise
                # What it holds is not sent again; its record goes once the new one has asked for all of it.
                stale.append(self._upload)
                self._open()
            else:
                self._known.finish(self._request)
                for old in stale:
                    with suppress(WeftError):
                        self._server.call("DELETE", f"/uploads/{part(old)}")
                return job
        raise AssertionError

    def _open(self) -> None:
        self._upload = self._server.call("POST", "/uploads", self._asked)["id"]
        self._again = False
        self._known.note(self._request, self._upload)

    def _found(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._server.get(path)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None
        return found

    def _sent(self, plan: Plan) -> dict[str, Any]:
        photos = plan.readable
        if not photos:
            _tell_fates(plan)
            raise InvalidRequest("no_files")
        with output.progress(_("Sending"), len(photos)) as show:

            def tell() -> None:
                there = sending.arrived
                amount = f"{_size(sending.sent_bytes)} / {_size(sending.missing_bytes)}"
                show(there, title=_("Sending") + f" {amount}")
                amounts = {"sent_bytes": sending.sent_bytes, "missing_bytes": sending.missing_bytes}
                self._told.moved("sending", (there, sending.sent_bytes), photos=len(photos), there=there, **amounts)

            sending = Sending(self._server, self._upload, photos, tell)
            try:
                sending.offer(self._again)
                self._tell_plan(plan, sending)
                sending.send()
                self._known.note(self._request, f"{self._upload} {plan.digest()}")
                return sending.finish()
            except KeyboardInterrupt:
                self._server.stopped.set()
                output.note(sentence("submit_interrupted", done=sending.arrived, total=len(photos)))
                raise

    def _tell_plan(self, plan: Plan, sending: Sending) -> None:
        photos, missing, known = len(plan.photos), len(sending.missing), sending.arrived
        size = _size(sending.missing_bytes)
        output.note(
            sentence("photos_are_sent", photos=f"{photos:,}", known=f"{known:,}", missing=f"{missing:,}", size=size)
        )
        self._told.tell("plan", photos=photos, known=known, missing=missing, missing_bytes=sending.missing_bytes)


def _size(number: int) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"


def _tell_fates(plan: Plan) -> None:
    """What did not go as planned, photo by photo while they are few."""
    for code, chosen in (
        ("photos_gone", [photo for photo in plan.photos if photo.fate is Fate.GONE]),
        ("photos_unreadable", [photo for photo in plan.photos if photo.fate is Fate.UNREADABLE]),
        ("photos_growing", [photo for photo in plan.photos if photo.fate is Fate.GROWING]),
        ("photos_changed", [photo for photo in plan.photos if photo.changed and photo.fate in ARRIVED]),
    ):
        if chosen:
            names = ", ".join(readable(photo.name) for photo in chosen[:_NAMED])
            names += " …" if len(chosen) > _NAMED else ""
            output.note(sentence(code, count=len(chosen), names=names))
