"""The states of a job and what can be done in each: declared here once. The ledger's Lua gets the same table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class JobState(StrEnum):
    SCHEDULED = "scheduled"
    LISTING = "listing"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


#: A verb's target: the verb is accepted and changes nothing.
SAME = "same"
#: A verb's target: `listing`, `queued` or `running`, as far as the job has got.
MOVING = "moving"


@dataclass(frozen=True, slots=True)
class StateRule:
    #: Verb → the state that it leads to, `SAME` or `MOVING`. A verb that is not named is refused.
    verbs: Mapping[str, str]
    #: Chunks are admitted and claimed.
    claimable: bool = False
    #: Nothing more happens by itself: the job is not in the active set, and may be released or deleted.
    terminal: bool = False
    #: Outcomes that workers hand in still count.
    takes_outcomes: bool = True


_MOVES = {"cancel": JobState.CANCELLED, "pause": JobState.PAUSED, "resume": SAME, "start": SAME, "retry": SAME}

RULES: dict[JobState, StateRule] = {
    JobState.SCHEDULED: StateRule({"cancel": JobState.CANCELLED, "resume": SAME, "start": MOVING, "retry": SAME}),
    JobState.LISTING: StateRule(_MOVES, claimable=True),
    JobState.QUEUED: StateRule(_MOVES, claimable=True),
    JobState.RUNNING: StateRule(_MOVES, claimable=True),
    JobState.PAUSED: StateRule(
        {"cancel": JobState.CANCELLED, "pause": SAME, "resume": MOVING, "start": SAME, "retry": SAME}
    ),
    JobState.FINISHED: StateRule({"start": SAME, "retry": JobState.QUEUED}, terminal=True),
    JobState.CANCELLED: StateRule({"cancel": SAME, "start": SAME}, terminal=True, takes_outcomes=False),
}

#: What people may do with a job, in the order in which pages and API offer it. `start` is the dispatcher's own.
STEERING = ("cancel", "pause", "resume", "retry")
CLAIMABLE = frozenset(state for state, rule in RULES.items() if rule.claimable)
TERMINAL = frozenset(state for state, rule in RULES.items() if rule.terminal)


def offered(state: JobState) -> frozenset[str]:
    """What people may do with a job in this state that changes something; `retry` only where photos failed."""
    verbs = RULES[state].verbs
    return frozenset(verb for verb in STEERING if verb in verbs and (verb == "retry" or verbs[verb] != SAME))


@cache
def as_lua() -> str:
    """The table as Lua source: `STATES[state]` is nil for a state that only a later version knows."""

    def row(state: JobState, rule: StateRule) -> str:
        verbs = ", ".join(f"{verb} = '{target}'" for verb, target in sorted(rule.verbs.items()))
        flags = "".join(f", {name} = {str(getattr(rule, name)).lower()}" for name in _FLAGS)
        return f"  {state} = {{verbs = {{{verbs}}}{flags}}},\n"

    return "local STATES = {\n" + "".join(row(state, rule) for state, rule in RULES.items()) + "}\n"


_FLAGS = ("claimable", "terminal", "takes_outcomes")
