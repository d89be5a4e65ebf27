"""Job states and verbs are declared once: Lua, pages, API and command line get the same table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.cli.commands import control
from scripts.cli.main import COMMANDS
from shared.core.settings import Settings
from shared.jobs.ledger import connection
from shared.jobs.states import CLAIMABLE, MOVING, RULES, SAME, TERMINAL, VERBS, JobState, as_lua, offered
from web.app import create_app

LUA = Path(connection.__file__).parent / "lua"


ROOT = LUA.parents[3]


def test_every_state_has_its_rule_and_its_words() -> None:
    assert set(RULES) == set(JobState)
    assert all(rule.label for rule in RULES.values())
    verbs = {verb for rule in RULES.values() for verb in rule.verbs}
    assert verbs == {*VERBS, "start", "open", "close"}
    assert {t for rule in RULES.values() for t in rule.verbs.values()} <= {*JobState, SAME, MOVING}
    assert not CLAIMABLE & TERMINAL


def test_terminal_states_start_again_by_a_retry_alone() -> None:
    for state in TERMINAL:
        assert {verb for verb, target in RULES[state].verbs.items() if target != SAME} <= {"retry"}


@pytest.mark.parametrize("state", JobState)
def test_what_is_offered_is_not_refused(state: JobState) -> None:
    assert set(offered(state)) <= set(RULES[state].verbs)
    assert ("cancel" in offered(state)) == (state not in TERMINAL)


def test_pages_offer_what_they_always_have() -> None:
    assert {state.value: offered(state) for state in JobState} == {
        "scheduled": ("cancel", "retry"),
        "listing": ("cancel", "pause", "retry"),
        "queued": ("cancel", "pause", "retry"),
        "running": ("cancel", "pause", "retry"),
        "paused": ("cancel", "resume", "retry"),
        "off_hours": ("cancel", "pause", "resume", "retry"),
        "finished": ("retry",),
        "cancelled": (),
    }


def test_every_verb_has_its_route_and_its_command(settings: Settings) -> None:
    rules = {rule.rule: rule.methods for rule in create_app(settings).url_map.iter_rules()}
    for verb, declared in VERBS.items():
        assert "POST" in (rules[f"/api/v1/jobs/<job_id>/{verb}"] or set())
        assert COMMANDS[verb][1] == declared.meaning
        assert getattr(control, verb).help == declared.help
    with pytest.raises(AttributeError):
        control.start  # noqa: B018


def test_no_page_or_script_lists_states_itself() -> None:
    """A comparison with one state may be what a page is about; two of them are a list."""
    names = "|".join(JobState)
    listing = re.compile(rf"""\(\s*['"]({names})['"]\s*,|job\.state\s*[!=]=\s*['"]""")
    for path in (*(ROOT / "web/templates").rglob("*.html"), *(ROOT / "web/static/js").glob("*.js"), *LUA.glob("*.lua")):
        assert not listing.search(path.read_text("utf-8")), path.name
    lists = re.compile(r"[(\[{,]\s*JobState\.[A-Z]+\s*,\s*JobState\.")
    for folder in ("web", "worker", "shared", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            assert path.name == "states.py" or not lists.search(path.read_text("utf-8")), path


def test_lua_gets_every_state() -> None:
    rows = dict(re.findall(r"^  (\w+) = (.*),$", as_lua(), re.MULTILINE))
    assert set(rows) == set(JobState)
    for state, row in rows.items():
        assert (" terminal = true" in row) == (state in TERMINAL)
        assert (" claimable = true" in row) == (state in CLAIMABLE)


def test_no_script_lists_terminal_states_itself() -> None:
    for path in LUA.glob("*.lua"):
        assert not re.search(r"~?= 'cancelled'", path.read_text("utf-8").replace("and 'cancelled'", "")), path.name
