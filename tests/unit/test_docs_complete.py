"""The docs describe every key, state, setting, command and error code that exists, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.reference import DOCS, PAGES
from shared.jobs.ledger import keys
from shared.jobs.projection_schema import STEPS
from shared.jobs.states import RULES, SAME, JobState

ROOT = DOCS.parent
MODEL = (DOCS / "data-model.md").read_text("utf-8")
LUA = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "shared/jobs/ledger/lua").glob("*.lua")))
#: A line such as `-- KEYS: …` names keys in prose.
LUA_CODE = re.sub(r"--.*", "", LUA)


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", MODEL, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def table(title: str) -> dict[str, list[str]]:
    """First cell, without its ticks → the other cells."""
    rows = re.findall(r"^\| `(.+?)` \|(.*)\|$", section(title), re.MULTILINE)
    return {head: [cell.strip() for cell in rest.split("|")] for head, rest in rows}


def python_sources() -> str:
    return "\n".join(p.read_text("utf-8") for part in ("shared", "web", "worker") for p in (ROOT / part).rglob("*.py"))


@pytest.mark.parametrize("name", PAGES)
def test_tables_out_of_the_code_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name](), "run `make docs`"


def test_every_part_of_a_jobs_keys_is_described() -> None:
    used = set(re.findall(r"p \.\. '(\w+)", LUA_CODE)) | set(re.findall(r"job_key\(\w+, '(\w+)", LUA_CODE))
    used |= set(re.findall(r"\.\. '}:(\w+)", LUA_CODE))
    used |= set(re.findall(r"keys\.job\([^,()]+(?:\([^()]*\))?, f?\"(\w+)", python_sources()))
    described = {name.split(":")[0] for name in table("Ledger: keys of one job")}
    assert described == used


def test_every_key_of_the_ledger_is_described() -> None:
    source = Path(keys.__file__).read_text("utf-8")
    used = set(re.findall(r"\"weft:(\w+)", source)) | set(re.findall(r"'weft:(\w+)", LUA_CODE))
    described = {name.split(":")[1] for name in table("Ledger: keys of all jobs")}
    assert described == used


def test_every_state_is_described_as_declared() -> None:
    rows = table("Job states")
    assert set(rows) == set(JobState)
    for state, (claimable, terminal, changing, accepted) in rows.items():
        rule = RULES[JobState(state)]
        assert (claimable == "yes", terminal == "yes") == (rule.claimable, rule.terminal), state
        assert set(re.findall(r"`(\w+)`", changing)) == {v for v, to in rule.verbs.items() if to != SAME}, state
        assert set(re.findall(r"`(\w+)`", accepted)) == {v for v, to in rule.verbs.items() if to == SAME}, state


def test_the_diagram_shows_every_verb_of_every_state() -> None:
    arrows = set(re.findall(r"^  (\w+) --> \S+: (\w+)", section("Job states"), re.MULTILINE))
    declared = {(s.value, verb) for s, rule in RULES.items() for verb, to in rule.verbs.items() if to != SAME}
    verbs = {verb for _, verb in declared}
    assert {arrow for arrow in arrows if arrow[1] in verbs} == declared


def test_the_projections_tables_are_described() -> None:
    statements = [statement for step in STEPS for statement in step]
    made = {m[1] for s in statements if (m := re.search(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", s))}
    made -= {m[1] for s in statements if (m := re.fullmatch(r"DROP TABLE (\w+)", s))}
    described = set(re.findall(r"^\| `(\w+)` \| \d", section("SQLite"), re.MULTILINE))
    assert described == made
    assert f"`PRAGMA user_version` {len(STEPS)} " in section("SQLite")
