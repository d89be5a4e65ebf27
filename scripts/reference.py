"""Writes what is generated from the code in `docs/`: settings, error codes, commands, tables of the data model.

`make docs` runs it.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from scripts.cli.main import COMMANDS, ELSEWHERE
from scripts.lab import models_rows
from scripts.stored_forms import FORMS
from shared.core.messages import SENTENCES
from shared.core.metric_table import TABLE
from shared.core.settings import Settings
from shared.jobs.export.columns import DESCRIBED
from shared.jobs.fields import FIELDS
from shared.jobs.states import MOVING, RULES, SAME, StateRule

DOCS = Path(__file__).resolve().parents[1] / "docs"
_MADE = "<!-- Made by `make docs` from {source}; edit that. -->\n"


def _setting_comments() -> dict[str, str]:
    """Setting → the comment that stands above it."""
    lines = inspect.getsource(Settings).splitlines()
    comments: dict[str, str] = {}
    pending: list[str] = []
    for line in map(str.strip, lines):
        if line.startswith("#:"):
            pending.append(line.removeprefix("#:").strip())
        elif match := re.match(r"(\w+): .*=", line):
            comments[match[1]] = " ".join(pending)
            pending = []
        else:
            pending = []
    return comments


def settings_page() -> str:
    """Every setting with its default and the comment that stands above it."""
    comments = _setting_comments()
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append((f"`WEFT_{name.upper()}`", default, comments[name]))
    note = "Environment variables; `WEFT_X_FILE` names a file that holds `WEFT_X`. `weft doctor` prints them.\n"
    return _page("Settings", "shared/core/settings.py", note, ("name", "default", "meaning"), rows)


#: What docker compose asks for beside the settings: (name, value to begin with, meaning); an empty value is to be set.
COMPOSE = (
    ("COMPOSE_PROJECT_NAME", "weft", "Stands before the names of the containers and volumes."),
    ("WEFT_REDIS_PASSWORD", "", "Password of both Redis: letters and digits alone (openssl rand -hex 32)."),
    ("WEFT_API_KEY", "", "The first key, which may do everything: sign in with it (openssl rand -hex 32)."),
)
COMPOSE_DEFAULTS = (
    ("WEFT_BIND", "127.0.0.1", "Address of this machine on which the pages are served; 0.0.0.0: all."),
    ("WEFT_PORT", "8000", "Port of this machine on which the pages are served."),
    ("WEFT_PHOTOS", "./photos", "Folder of this machine that is read as /photos; its files are readable by user 1000."),
    ("WEFT_WEIGHTS", "weights", "Folder of this machine with own weights; the default is a volume of Docker's."),
    ("WEFT_VERSION", "0.1.0", "Tag of the images."),
    ("WEFT_REGISTRY", "", "Where the images come from, with a slash at the end; empty: built here."),
    ("WEFT_PYTHON_IMAGE", "python:3.11-slim-bookworm", "Base image; `make pin-images` writes its digest."),
    ("WEFT_REDIS_IMAGE", "redis:7-bookworm", "Image of both Redis; `make pin-images` writes its digest."),
    ("WEFT_REDIS_MEMORY", "4g", "Memory of each container at most, and processors (0: all)."),
    ("WEFT_REDIS_CPUS", "2", ""),
    ("WEFT_REDIS_CACHE_MEMORY", "1g", ""),
    ("WEFT_REDIS_CACHE_CPUS", "1", ""),
    ("WEFT_PREPARE_MEMORY", "8g", ""),
    ("WEFT_PREPARE_CPUS", "0", ""),
    ("WEFT_WEB_MEMORY", "4g", ""),
    ("WEFT_WEB_CPUS", "2", ""),
    ("WEFT_DISPATCHER_MEMORY", "1g", ""),
    ("WEFT_DISPATCHER_CPUS", "1", ""),
    ("WEFT_WORKER_MEMORY", "6g", ""),
    ("WEFT_WORKER_CPUS", "0", ""),
    ("WEFT_INDEX_IMAGE", "pgvector/pgvector:pg18", "Image of the bank server, profile `index`."),
    ("WEFT_INDEX_PASSWORD", "", "Its password, as in WEFT_INDEX_URL=postgresql://weft:PASSWORD@index/weft."),
    ("WEFT_INDEX_MEMORY", "4g", ""),
    ("WEFT_INDEX_CPUS", "2", ""),
    ("WEFT_PROMETHEUS_IMAGE", "prom/prometheus:v2.53.3", "Images of the profile `monitoring`."),
    ("WEFT_GRAFANA_IMAGE", "grafana/grafana:11.4.0", ""),
    ("WEFT_METRICS_KEY", "", "Key with which Prometheus reads /metrics (scope `read`); empty: WEFT_API_KEY."),
    ("WEFT_METRICS_DAYS", "30", "Days that Prometheus keeps what it read."),
    ("WEFT_GRAFANA_PASSWORD", "", "Password of Grafana's user `admin`; it does not start without one."),
    ("WEFT_GRAFANA_PORT", "3000", "Port of this machine on which Grafana is served."),
    ("WEFT_PROMETHEUS_MEMORY", "1g", ""),
    ("WEFT_PROMETHEUS_CPUS", "1", ""),
    ("WEFT_GRAFANA_MEMORY", "1g", ""),
    ("WEFT_GRAFANA_CPUS", "1", ""),
    ("AWS_ACCESS_KEY_ID", "", "For WEFT_STORAGE_URL=s3://…"),
    ("AWS_SECRET_ACCESS_KEY", "", ""),
    ("AWS_ENDPOINT_URL", "", "Of a store that is not Amazon's, e.g. http://minio:9000"),
    ("AWS_DEFAULT_REGION", "", ""),
    ("HF_ENDPOINT", "", "Mirror of the Hugging Face hub."),
    ("HTTPS_PROXY", "", "Proxy for downloads and object stores."),
    ("NO_PROXY", "", ""),
)
#: Settings that docker-compose.yml makes itself, or that mean nothing in a container.
NOT_IN_COMPOSE = frozenset(
    (
        *("data_dir", "host", "redis_url", "cache_redis_url", "folder_roots", "appendfsync", "log_json", "workers"),
        *("url", "key"),
    )
)


def env_example() -> str:
    """`.env.example`: what docker compose reads; every setting with its default, commented out."""
    own = {name for name, _, _ in (*COMPOSE, *COMPOSE_DEFAULTS)}
    parts = ["# Settings for docker compose: cp .env.example .env. Made by `make docs`; edit the copy.", ""]
    parts += ["# To be set."]
    parts += [line for name, value, text in COMPOSE for line in (*_wrapped(text), f"{name}={value}")]
    parts += ["", "# Containers and mounts."]
    parts += [line for name, value, text in COMPOSE_DEFAULTS for line in (*_wrapped(text), f"#{name}={value}")]
    parts += ["", "# Settings of Weft (docs/settings.md)."]
    comments = _setting_comments()
    for name, field in Settings.model_fields.items():
        variable = f"WEFT_{name.upper()}"
        if name not in NOT_IN_COMPOSE and variable not in own:
            default = "" if field.default is None else field.default
            parts += [*_wrapped(comments[name]), f"#{variable}={default}"]
    return "\n".join(parts) + "\n"


def _wrapped(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 116, break_long_words=False, break_on_hyphens=False)]


def errors_page() -> str:
    """Every stable code with its English sentence."""
    rows = [(f"`{code}`", english) for code, english in SENTENCES.items()]
    note = (
        "Codes are stable; sentences may be improved. API errors (`application/problem+json`), failed photos and a"
        " job's note use them. In API errors, `next` says what the caller can do.\n"
    )
    return _page("Error codes", "shared/core/messages.py", note, ("code", "sentence"), rows)


def commands_page() -> str:
    """Every command with its short help."""
    rows = [(f"`weft {name}`", "yes" if name in ELSEWHERE else "", text) for name, (_, text) in COMMANDS.items()]
    note = "`weft COMMAND --help` shows options. All take `--data-dir` and `--json`. Exit: 0 ok, 1 failed, 2 usage;"
    note += " `weft watch` and `--watch` 3 if some photos failed.\n"
    note += "\nElsewhere: also of a server on another machine, with `--url` or `WEFT_URL` and `WEFT_KEY`.\n"
    return _page("Commands", "scripts/cli/main.py", note, ("command", "elsewhere", "what it does"), rows)


def data_model_page() -> str:
    """The page as it is, with its generated parts made again."""
    return _made_again("data-model.md", DATA_MODEL_PARTS)


def exports_page() -> str:
    """Likewise."""
    return _made_again("exports.md", {"columns": export_columns})


def export_columns() -> str:
    """Every column of the table formats, in their order."""
    rows = [(f"`{one.column.name}`", one.column.kind.value, one.meaning) for one in DESCRIBED]
    return _table(("column", "type", "meaning"), rows)


def upgrades_page() -> str:
    """Likewise."""
    return _made_again("upgrades.md", {"forms": forms})


def forms() -> str:
    """A row per kind of thing that is stored."""
    rows = [(form.what, str(form.version), form.reads, form.refused) for form in FORMS]
    return _table(("what", "version", "this program reads", "one that does not know the version refuses"), rows)


def models_page() -> str:
    """Likewise."""
    return _made_again("models.md", {"measured": measured_models})


def measured_models() -> str:
    """A row per measured architecture."""
    cells = []
    for row in models_rows.rows():
        name = (row.family, f"`{row.architecture}`")
        if row.error:
            cells.append((*name, f"no: `{row.error}`", *[""] * 9))
            continue
        cells.append((
            *name, f"{row.input_size} px → {row.dim}", f"{row.cosine:.5f}", f"{row.smallest:.5f}", f"{row.centred:.3f}",
            f"{row.speed:.2f}", f"{row.size_mb:,}", f"{row.peak_mb:,}", f"`{row.text}`" if row.text else "yes",
            *_int8(row),
        ))  # fmt: skip
    heads = (
        "family", "architecture", "converts", "cosine", "smallest", "centred", "speed", "MB", "peak MB", "texts",
        "int8: centred · speed", "int8 advised",
    )  # fmt: skip
    return _table(heads, cells)


def _int8(row: models_rows.ModelRow) -> tuple[str, str]:
    found = row.int8
    if found is None:
        return "", "not measured"
    return "" if found.error else f"{found.centred:.3f} · {found.speed:.2f}", found.advice(row.centred)


def _made_again(name: str, parts: dict[str, Callable[[], str]]) -> str:
    page = (DOCS / name).read_text(encoding="utf-8")
    for name, part in parts.items():
        # In a diagram the marks are comments of its own syntax.
        marks = re.compile(rf"(^[^\n]*begin: {name}[^\n]*\n).*?(^[^\n]*end: {name})", re.MULTILINE | re.DOTALL)
        page = marks.sub(lambda found, part=part: f"{found[1]}{part()}{found[2]}", page)  # type: ignore[misc]
    return page


def states() -> str:
    """A row per job state."""

    def verbs(rule: StateRule, changing: bool) -> str:
        return ", ".join(f"`{v}`" for v, to in sorted(rule.verbs.items()) if (to != SAME) == changing) or "none"

    def said(flag: bool) -> str:
        return "yes" if flag else "no"

    rows = [
        (f"`{state}`", said(rule.claimable), said(rule.terminal), verbs(rule, True), verbs(rule, False))
        for state, rule in RULES.items()
    ]
    heads = ("state", "claimable", "terminal", "verbs that change something", "accepted without effect")
    return _table(heads, rows)


def transitions() -> str:
    """An arrow of the state diagram for each verb that changes something."""
    return "".join(
        f"  {state} --> {'moving' if to == MOVING else to}: {verb}\n"
        for state, rule in RULES.items()
        for verb, to in sorted(rule.verbs.items())
        if to != SAME
    )


def result_fields() -> str:
    """A row per field of a result."""
    rows = []
    for f in FIELDS:
        stored = " ".join(f"`{s.column}` {s.sql}," for s in f.stored).rstrip(",")
        columns = " ".join(f"`{column.name}`" for column in f.columns)
        kind = _json_type(f.json) if f.public else ""
        where = f"in `extra`, as `{f.key}`" if f.version else stored
        rows.append((f"`{f.name}`", kind, where, columns, f.meaning))
    return _table(("field", "type in JSON", "column of `items`", "columns of exports", "meaning"), rows)


def metrics() -> str:
    """A row per metric."""
    rows = [(f"`{m.name}`", m.kind.value, " ".join(f"`{label}`" for label in m.labels), m.meaning) for m in TABLE]
    return _table(("metric", "kind", "labels", "meaning"), rows)


def _json_type(kind: Any) -> str:
    if kind is NoneType:
        return "null"
    if get_origin(kind) in (UnionType, Union):
        return " or ".join(map(_json_type, get_args(kind)))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is list:
        return f"list of {_json_type(get_args(kind)[0])}"
    if issubclass(kind, BaseModel):
        return f"`{{{' '.join(kind.model_fields)}}}`"
    if issubclass(kind, StrEnum):
        return ", ".join(f"`{member.value}`" for member in kind)
    plain: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return plain[kind]


DATA_MODEL_PARTS = {"transitions": transitions, "states": states, "result fields": result_fields, "metrics": metrics}
PAGES = {
    "settings.md": settings_page,
    "../.env.example": env_example,
    "errors.md": errors_page,
    "cli.md": commands_page,
    "exports.md": exports_page,
    "models.md": models_page,
    "upgrades.md": upgrades_page,
    "data-model.md": data_model_page,
}


def _page(title: str, source: str, note: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return f"# {title}\n\n{_MADE.format(source=source)}\n{note}\n{_table(heads, rows)}"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    table = [heads, ("---",) * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in table)


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
