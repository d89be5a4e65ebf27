"""Options that commands have here and with a server elsewhere (`scripts.cli.remote`). Nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from scripts.cli.moments import Deadline, HoursOfDay, StartTime
from shared.bank.photo_gate import CODES
from shared.jobs.model import Priority
from shared.jobs.result_filters import ANY_DEFECT, REVIEWED, SORTS
from shared.jobs.reviews import ReviewState
from shared.ranking.model import Verdict

F = TypeVar("F", bound=Callable[..., Any])

_PRIORITIES = click.Choice([priority.value for priority in Priority])


def _together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator for several, in the order in which --help shows them."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_zone = click.option("--zone", default="", help="With --window: time zone, e.g. Asia/Shanghai; default: the server's.")

#: How and when a new job works: `at`, `priority`, `window`, `zone`, `by`.
submission_options = _together(
    click.option("--at", type=StartTime(), help="Start at this time: 22:00, or a date and time."),
    click.option(
        "--priority",
        type=_PRIORITIES,
        default=Priority.NORMAL.value,
        show_default=True,
        help="Before or after other jobs.",
    ),
    click.option("--window", type=HoursOfDay(), metavar="HOURS", help="Work at these hours only: 20:00-07:00."),
    _zone,
    click.option("--by", type=Deadline(), help="Should be done by this time: 07:00, or a date and time."),
)

#: `swatches`.
swatches_option = click.option(
    "--swatches", is_flag=True, help="Photos of swatch cards: every swatch becomes a photo of its own."
)

#: What may be changed of a job: `name`, `priority`, `window`, `zone`, `by`, `first`.
change_options = _together(
    click.option("--name", help="Another name."),
    click.option("--priority", type=_PRIORITIES, help="Before or after other jobs."),
    click.option(
        "--window", type=HoursOfDay(), metavar="HOURS", help="Work at these hours only: 20:00-07:00; or none."
    ),
    _zone,
    click.option(
        "--by", type=Deadline(or_none=True), help="Should be done by this time: 07:00, a date and time, or none."
    ),
    click.option(
        "--first/--not-first", default=None, help="Run next, before all others of its priority; or not any more."
    ),
)

#: Which jobs are listed: `limit`, `owner`, `search`, `archived`.
list_options = _together(
    click.option(
        "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Maximum number of jobs to show."
    ),
    click.option("--owner", help="Only the jobs of this owner: the name of a key or a user."),
    click.option("--search", default="", help="Only jobs with these words in their name, folder or owner."),
    click.option("--archived/--current", default=None, help="Only archived jobs, or only the others."),
)

#: Which results are exported, by the names of the API's filters, and `sort`.
filter_options = _together(
    click.option(
        "--label", help="Only this class, by label, name or alias; corrections take precedence over predictions."
    ),
    click.option("--verdict", type=click.Choice([verdict.value for verdict in Verdict]), help="Only this verdict."),
    click.option("--status", type=click.Choice(["ok", "failed"]), help="Only photos with this status."),
    click.option("--code", help="Only photos that failed for this reason, e.g. truncated."),
    click.option("--min-confidence", type=click.FloatRange(0, 1), help="Only photos with at least this confidence."),
    click.option("--max-confidence", type=click.FloatRange(0, 1), help="Only photos with at most this confidence."),
    click.option(
        "--review",
        type=click.Choice([*(state.value for state in ReviewState), REVIEWED]),
        help="Only photos that people said this of; reviewed: anything.",
    ),
    click.option("--search", help="Only files whose name contains this."),
    click.option("--camera", help="Only photos of this camera."),
    click.option("--colour", help="Only photos with this dominant colour, by its English name, e.g. navy."),
    click.option("--taken", help="Only photos whose time begins so, e.g. 2026-11."),
    click.option("--profile", help="Only photos with this colour profile."),
    click.option(
        "--quality",
        type=click.Choice([ANY_DEFECT, *CODES]),
        help="Only photos that should be taken again, for this reason; any: for whatever reason.",
    ),
    click.option("--sort", type=click.Choice(SORTS), default="index", show_default=True),
)
