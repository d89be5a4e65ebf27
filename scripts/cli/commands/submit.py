"""`weft submit`: photos, zip files or a folder as a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from scripts.cli import follow, moments, output, submission
from scripts.cli.bank_option import job_bank
from scripts.cli.job_options import submission_options, swatches_option
from shared.bank.store import BankStore
from shared.core.i18n import gettext as _
from shared.core.messages import sentence
from shared.core.names import readable
from shared.jobs.intake.folders import is_below
from shared.jobs.intake.idempotency import Command
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.intake.receive import Survey
from shared.jobs.intake.sources import local_files
from shared.jobs.intake.submission import Intake, Wish
from shared.jobs.ledger import Ledger
from shared.jobs.model import Job, Priority
from shared.jobs.notes import left_out_sentence
from shared.jobs.shown import shown_job
from shared.jobs.splitting import Split


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--name", default="", help="Job name; default: name of the folder or first photo.")
@click.option(
    "--preset", type=submission.PresetName(), help="Ranking settings; default: standard, precise for folders."
)
@job_bank
@submission_options
@swatches_option
@click.option("--copy", is_flag=True, help="Copy the photos even if the server can read the folder itself.")
@click.option("--watch", is_flag=True, help="Follow the job until it has ended; exit codes as of `weft watch`.")
@click.option("--lines", is_flag=True, help="With --watch: one JSON object per line, as `weft watch --lines`.")
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
    copy: bool,
    watch: bool,
    lines: bool,
) -> None:
    """Submit PATHS (photos, zip files, folders) as one job and print it.

    A single folder inside the server's allowed folders (WEFT_FOLDER_ROOTS) is submitted by reference: nothing is
    copied, and the photos must stay in place until the job has finished. Everything else is first copied into Weft's
    storage. Photos already stored are not copied again, so an interrupted command resumes when you run it again. Which
    of the two applies is printed on stderr.
    """
    if lines and not watch:
        raise click.UsageError("--lines goes with --watch")
    settings = output.state(ctx).settings
    ledger, banks = Ledger.connect(settings), BankStore(settings)
    intake = submission.intake(settings, ledger, banks)
    window = moments.hours(window, zone)
    due = moments.due(by, at)
    split = Split.SWATCHES if swatches else None
    wish = Wish(name, preset, at, bank=bank, priority=Priority(priority), window=window, deadline=due, split=split)
    roots = None if copy else _roots(ledger, paths, settings.roots)
    with closing(KnownFiles(settings.data_dir)) as known:
        once = Command.of(known, paths, name, preset, at, copy, priority, bank, window, due, split)
        if roots is None:
            job = _copy(intake, known, once, paths, wish)
        else:
            folder = paths[0].resolve()
            output.note(sentence("folder_is_referred_to", path=readable(str(folder))))
            job = intake.submit_folder(str(folder), wish, once, roots)
    output.record(ctx, "job_submitted", job.id)
    if watch:
        follow.watch(ctx, settings, banks, job.id, lines)
    else:
        output.emit(ctx, shown_job(job), f"{job.id}  {job.name}: {job.state.value}")


def _roots(ledger: Ledger, paths: Sequence[Path], own: Sequence[Path]) -> Sequence[Path] | None:
    """The server's roots where it reads the photos itself; None where it does not, after telling why."""
    if len(paths) != 1 or not paths[0].is_dir():
        return None
    announced = ledger.folder_roots()
    if announced is None:
        output.note(sentence("roots_unknown"))
    roots = own if announced is None else announced
    if is_below(paths[0], roots):
        return roots
    output.note(
        sentence("folder_is_copied", path=readable(str(paths[0])), roots=readable(", ".join(map(str, roots))) or "–")
    )
    return None


def _copy(intake: Intake, known: KnownFiles, once: Command, paths: Sequence[Path], wish: Wish) -> Job:
    with submission.Shown(_("Copying"), _tell_plan) as shown:
        left_out: Counter[str] = Counter()
        try:
            files = local_files(paths, left_out)
            if told := left_out_sentence(left_out):
                output.note(told)
            return intake.submit_files(files, wish, once, known=known, progress=shown, left_out=left_out)
        except KeyboardInterrupt:
            if shown.total:
                output.note(sentence("submit_interrupted", done=shown.done, total=shown.total))
            raise


def _tell_plan(plan: Survey) -> None:
    size = f"{plan.bytes / 1_000_000:,.1f} MB"
    output.note(sentence("photos_are_copied", photos=plan.photos, size=size, known=plan.known))
