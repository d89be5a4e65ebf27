"""Job states are declared once: every state has its rule and its words, and Lua gets the same table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.jobs.ledger import connection
from shared.jobs.states import CLAIMABLE, MOVING, RULES, SAME, STEERING, TERMINAL, JobState, as_lua, offered
from web.words import STATES

LUA = Path(connection.__file__).parent / "lua"


def test_every_state_has_its_rule_and_its_words() -> None:
    assert set(RULES) == set(JobState) == set(STATES)
    verbs = {verb for rule in RULES.values() for verb in rule.verbs}
    assert verbs == {*STEERING, "start"}
    assert {t for rule in RULES.values() for t in rule.verbs.values()} <= {*JobState, SAME, MOVING}
    assert not CLAIMABLE & TERMINAL


def test_terminal_states_start_again_by_a_retry_alone() -> None:
    for state in TERMINAL:
        assert {verb for verb, target in RULES[state].verbs.items() if target != SAME} <= {"retry"}


@pytest.mark.parametrize("state", JobState)
def test_what_is_offered_is_not_refused(state: JobState) -> None:
    assert offered(state) <= set(RULES[state].verbs)
    assert ("cancel" in offered(state)) == (state not in TERMINAL)


def test_lua_gets_every_state() -> None:
    rows = dict(re.findall(r"^  (\w+) = (.*),$", as_lua(), re.MULTILINE))
    assert set(rows) == set(JobState)
    for state, row in rows.items():
        assert (" terminal = true" in row) == (state in TERMINAL)
        assert (" claimable = true" in row) == (state in CLAIMABLE)


def test_no_script_lists_terminal_states_itself() -> None:
    for path in LUA.glob("*.lua"):
        assert not re.search(r"~?= 'cancelled'", path.read_text("utf-8").replace("and 'cancelled'", "")), path.name
