"""The states of a job, and what can be done in each: declared here once. The ledger's Lua gets the same table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from shared.core.i18n import N_


class JobState(StrEnum):
    SCHEDULED = "scheduled"
    LISTING = "listing"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    OFF_HOURS = "off_hours"
    FINISHED = "finished"
    CANCELLED = "cancelled"


#: A verb's target: the verb is accepted and changes nothing.
SAME = "same"
#: A verb's target: `listing`, `queued` or `running`, as far as the job has got.
MOVING = "moving"


class Tone(StrEnum):
    """How the badge of a state looks."""

    NEUTRAL = "neutral"
    ACTIVE = "active"
    WAITING = "waiting"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class StateRule:
    """What a state means. Ledger, dispatcher, pages, API, command line and docs take it from here."""

    #: On pages, in English; they look up its translation.
    label: str
    #: Verb → the state that it leads to, `SAME` or `MOVING`. A verb that is not named is refused.
    verbs: Mapping[str, str]
    #: Chunks are admitted and claimed.
    claimable: bool = False
    #: Nothing more happens by itself: the job is not in the active set, and may be released or deleted.
    terminal: bool = False
    #: Outcomes that workers hand in still count.
    takes_outcomes: bool = True
    #: Nothing but a worker moves the job on; where there is none, it reads as waiting.
    needs_worker: bool = False
    #: The job makes progress: it has a rate and a time left.
    progresses: bool = False
    tone: Tone = Tone.NEUTRAL
    #: Buttons that are called something else in this state: verb → what, in English.
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def starts_itself(self) -> bool:
        """The dispatcher starts the job when its time has come."""
        return self.verbs.get("start") == MOVING

    @property
    def opens_itself(self) -> bool:
        """The dispatcher lets the job work when its window opens."""
        return self.verbs.get("open") == MOVING

    @property
    def still(self) -> bool:
        """Nothing happens to the job unless a person does something."""
        return not self.claimable and not self.starts_itself and not self.opens_itself


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that people do with a job: a route of the API, a command, and a button where it changes something."""

    #: For OpenAPI and `weft --help`.
    meaning: str
    #: For `weft VERB --help`.
    help: str
    #: The button, in English.
    label: str
    #: A question before it is done.
    confirm: str = ""
    #: The main button of the page.
    primary: bool = False
    #: Concerns failed photos: offered beside them, and only where there are any.
    of_failed: bool = False


_CANCEL = {"cancel": JobState.CANCELLED}
#: What the dispatcher does at the ends of a job's window; nothing to a job that does not move.
_HOURS = {"open": SAME, "close": SAME}
_MOVES = {
    **_CANCEL,
    "pause": JobState.PAUSED,
    "resume": SAME,
    "start": SAME,
    "retry": SAME,
    "open": SAME,
    "close": JobState.OFF_HOURS,
}

RULES: dict[JobState, StateRule] = {
    JobState.SCHEDULED: StateRule(
        N_("Scheduled"), {**_HOURS, **_CANCEL, "resume": SAME, "start": MOVING, "retry": SAME}, tone=Tone.WAITING
    ),
    JobState.LISTING: StateRule(N_("Scanning folder"), _MOVES, claimable=True, progresses=True, tone=Tone.ACTIVE),
    JobState.QUEUED: StateRule(N_("Waiting for a worker"), _MOVES, claimable=True, needs_worker=True),
    JobState.RUNNING: StateRule(
        N_("Classifying"), _MOVES, claimable=True, needs_worker=True, progresses=True, tone=Tone.ACTIVE
    ),
    JobState.PAUSED: StateRule(
        N_("Paused"),
        {**_HOURS, **_CANCEL, "pause": SAME, "resume": MOVING, "start": SAME, "retry": SAME},
        tone=Tone.WAITING,
    ),
    JobState.OFF_HOURS: StateRule(
        N_("Outside its hours"),
        {
            **_CANCEL,
            "pause": JobState.PAUSED,
            "resume": MOVING,
            "start": SAME,
            "retry": SAME,
            "open": MOVING,
            "close": SAME,
        },
        tone=Tone.WAITING,
        words={"resume": N_("Run now all the same")},
    ),
    JobState.FINISHED: StateRule(
        N_("Finished"), {**_HOURS, "start": SAME, "retry": JobState.QUEUED}, terminal=True, tone=Tone.GOOD
    ),
    JobState.CANCELLED: StateRule(
        N_("Cancelled"), {**_HOURS, "cancel": SAME, "start": SAME}, terminal=True, takes_outcomes=False
    ),
}

#: What people may do with a job, in the order of API and command line. `start`, `open` and `close` are
#: the dispatcher's own.
VERBS: dict[str, Verb] = {
    "cancel": Verb(
        "Cancel a job; completed results are kept.",
        "Cancel the job ID; completed results are kept.",
        N_("End job"),
        confirm=N_("End this job now? Completed results are kept."),
    ),
    "pause": Verb(
        "Pause a job until it is resumed.",
        "Pause the job ID; photos already being processed are finished.",
        N_("Pause"),
    ),
    "resume": Verb(
        "Resume a paused job, or run one outside its hours.",
        "Resume the paused job ID; or run it now, although it is outside its hours.",
        N_("Resume"),
        primary=True,
    ),
    "retry": Verb(
        "Retry a job's failed photos.",
        "Retry only the failed photos of the job ID.",
        N_("Retry failed photos"),
        of_failed=True,
    ),
}
CLAIMABLE = frozenset(state for state, rule in RULES.items() if rule.claimable)
TERMINAL = frozenset(state for state, rule in RULES.items() if rule.terminal)


def offered(state: JobState) -> tuple[str, ...]:
    """The verbs that change something in this state, in the order of `VERBS`; `retry` where photos failed."""
    verbs = RULES[state].verbs
    return tuple(v for v in VERBS if v in verbs and (VERBS[v].of_failed or verbs[v] != SAME))


@cache
def as_lua() -> str:
    """The table as Lua source: `STATES[state]` is nil for a state that only a later version knows."""

    def row(state: JobState, rule: StateRule) -> str:
        verbs = ", ".join(f"{verb} = '{target}'" for verb, target in sorted(rule.verbs.items()))
        flags = "".join(f", {name} = {str(getattr(rule, name)).lower()}" for name in _FLAGS)
        return f"  {state} = {{verbs = {{{verbs}}}{flags}}},\n"

    return "local STATES = {\n" + "".join(row(state, rule) for state, rule in RULES.items()) + "}\n"


_FLAGS = ("claimable", "terminal", "takes_outcomes")
