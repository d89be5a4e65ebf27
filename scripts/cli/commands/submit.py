"""`weft submit`: photos, zip files or a folder as a job."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import click

from scripts.cli import follow, output, receive, submission
from shared.core.errors import InvalidRequest
from shared.core.messages import sentence
from shared.core.names import readable, title
from shared.core.settings import Settings
from shared.core.start_time import start_time
from shared.jobs.admission import require_room
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.intake.submission import fingerprint, lane_of
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, Lane
from shared.ranking.model import PRESETS
from shared.storage import open_storage


class Moment(click.ParamType[float]):
    """A time of day (the next one), or a date and time; in seconds since the epoch."""

    name = "HH:MM"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse `22:00` or `2026-05-01 22:00`."""
        if not isinstance(value, str):
            return value
        now = datetime.now()
        try:
            at = datetime.combine(now.date(), datetime.strptime(value, "%H:%M").time())
        except ValueError:
            try:
                return datetime.fromisoformat(value).timestamp()
            except (ValueError, OverflowError):
                self.fail(f"{value!r} must be a time of day such as 22:00, or a date and time", param, ctx)
        return (at if at > now else at + timedelta(days=1)).timestamp()


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--name", default="", help="Job name; default: name of the folder or first photo.")
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), help="Ranking settings; default: standard, precise for folders."
)
@click.option("--at", type=Moment(), help="Start at this time: 22:00, or a date and time.")
@click.option("--copy", is_flag=True, help="Copy the photos even if the server can read the folder itself.")
@click.option("--watch", is_flag=True, help="Follow the job until it is finished.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    name: str,
    preset: str | None,
    at: float | None,
    copy: bool,
    watch: bool,
) -> None:
    """Submit PATHS (photos, zip files, folders) as one job and print it.

    A single folder inside the server's allowed folders (WEFT_FOLDER_ROOTS) is submitted by reference: nothing is
    copied, and the photos must stay in place until the job has finished. Everything else is first copied into Weft's
    storage. Photos already stored are not copied again, so an interrupted command resumes when you run it again. Which
    of the two applies is printed on stderr.
    """
    try:
        at = start_time(at)
    except InvalidRequest as error:
        raise click.BadParameter(str(error), param_hint="--at") from error
    settings = output.state(ctx).settings
    ledger = Ledger.connect(settings)
    require_room(settings, ledger)
    request = fingerprint([os.path.abspath(path) for path in paths], name, preset, at, copy)
    with closing(KnownFiles(settings)) as known:
        if not copy and _by_reference(settings, ledger, paths):
            job = _refer(settings, ledger, known, request, paths[0].resolve(), name, preset, at)
        else:
            job = _copy(settings, ledger, known, request, paths, name, preset, at)
    if watch:
        follow.report(ctx, settings, ledger, follow.follow(ledger, job.id))
    else:
        output.emit(ctx, follow.document(job), f"{job.id}  {job.name}: {job.state.value}")


def _by_reference(settings: Settings, ledger: Ledger, paths: Sequence[Path]) -> bool:
    """Whether the server reads the photos itself; where it does not, why."""
    if len(paths) != 1 or not paths[0].is_dir():
        return False
    announced = ledger.folder_roots()
    if announced is None:
        output.note(sentence("roots_unknown"))
    roots = settings.roots if announced is None else announced
    if submission.readable_by_workers(paths[0], roots):
        return True
    output.note(
        sentence("folder_is_copied", path=readable(str(paths[0])), roots=readable(", ".join(map(str, roots))) or "–")
    )
    return False


def _refer(
    settings: Settings,
    ledger: Ledger,
    known: KnownFiles,
    request: str,
    folder: Path,
    name: str,
    preset: str | None,
    at: float | None,
) -> Job:
    output.note(sentence("folder_is_referred_to", path=readable(str(folder))))
    shown = title(name) or title(folder.name) or "folder"
    wish = submission.spec(
        settings, kind="folder", name=shown, preset=preset, lane=Lane.BULK, path=folder, not_before=at
    )
    return submission.submitted_once(known, request, lambda key: ledger.submit_folder(wish, key, request))


def _copy(
    settings: Settings,
    ledger: Ledger,
    known: KnownFiles,
    request: str,
    paths: Sequence[Path],
    name: str,
    preset: str | None,
    at: float | None,
) -> Job:
    found = submission.photos_in(paths)
    wanted = title(name or (paths[0].resolve().name if len(paths) == 1 else f"{found[0][0]} +{len(found) - 1}"))
    # Before anything is copied: without a bank there is nothing to submit to, and limits are known beforehand.
    wish = submission.spec(settings, kind="upload", name=wanted, preset=preset, lane=Lane.BULK, not_before=at)
    storage = open_storage(settings)
    plan = receive.survey(found, storage, settings, known)
    size = f"{plan.bytes / 1_000_000:,.1f} MB"
    output.note(sentence("photos_are_copied", photos=plan.photos, size=size, known=plan.known))
    copied = 0
    try:
        with output.progress("Copying", plan.photos) as show:

            def tell(done: int) -> None:
                nonlocal copied
                copied = done
                show(done)

            items = receive.receive(found, storage, settings, tell, known)
        wish = replace(wish, lane=lane_of(len(items), at))
        mark = fingerprint(request, items=items)
        return submission.submitted_once(known, request, lambda key: ledger.submit(wish, items, key, mark))
    except KeyboardInterrupt:
        output.note(sentence("submit_interrupted", done=copied, total=plan.photos))
        raise
