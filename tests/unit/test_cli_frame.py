"""The command line's frame: lazy commands, common options, exit codes, one JSON document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from scripts.cli import main as cli
from scripts.cli import output
from shared.core.errors import NotFound
from shared.core.settings import Settings

#: Nothing of these may be in a process that only serves pages or steers jobs.
NUMERICS = ("torch", "numpy", "faiss", "openvino", "PIL", "open_clip")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[click.Context], None]], None]:
    """Put one command into the table, as `weft trial`."""

    def put(action: Callable[[click.Context], None]) -> None:
        made = click.command("trial")(click.pass_context(action))
        monkeypatch.setattr(cli, "COMMANDS", {"trial": ("tests.unit.test_cli_frame:trial", "A trial.")})
        monkeypatch.setitem(globals(), "trial", made)

    return put


def test_every_command_in_the_table_exists() -> None:
    for name, (place, text) in cli.COMMANDS.items():
        module, attribute = place.split(":")
        if find_spec(module) is None:
            pytest.fail(f"weft {name}: no module {module}")
        assert isinstance(getattr(import_module(module), attribute), click.Command)
        assert text.endswith(".")


def test_light_commands_load_no_numerics() -> None:
    light = ["up", "web", "dispatcher", "jobs", "submit", "classify", "doctor", "export", "watch", "cancel"]
    code = (
        "import sys; from scripts.cli import main as cli; from web.app import create_app; "
        f"print([cli.run([name, '--help']) for name in {light}], "
        f"[module for module in {NUMERICS} if module in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == f"{[output.OK] * len(light)} []"
    assert done.stdout.count("Usage: weft ") == len(light)


def test_help_lists_every_command_and_loads_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == output.OK
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in cli.COMMANDS)


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["jobs", "--nonsense"], ["watch"], ["jobs", "--limit", "many"], []]
)
def test_a_wrong_command_line_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == output.USAGE
    assert "Usage:" in capsys.readouterr().err


def test_a_wrong_setting_exits_with_2_and_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEFT_PORT", "many")
    assert cli.run(["jobs"]) == output.USAGE
    assert "WEFT_PORT" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["before", "after"])
def test_common_options_stand_before_or_after_the_command(
    place: str, tmp_path: Path, command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(lambda ctx: output.emit(ctx, {"data_dir": output.state(ctx).settings.data_dir}, "words"))
    common = ["--json", "--data-dir", str(tmp_path)]
    assert cli.run([*common, "trial"] if place == "before" else ["trial", *common]) == output.OK
    assert json.loads(capsys.readouterr().out) == {"data_dir": str(tmp_path)}


def test_without_json_people_get_words(command: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    command(lambda ctx: output.emit(ctx, {"a": 1}, "words"))
    assert cli.run(["trial"]) == output.OK
    assert capsys.readouterr().out == "words\n"


def test_what_is_logged_never_mixes_with_the_answer() -> None:
    code = (
        "import structlog; from scripts.cli import main as cli; "
        "cli.run = lambda arguments: structlog.get_logger().info('noted') or print('{}') or 0; cli.main([])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "{}\n"
    assert "noted" in done.stderr


def test_failed_work_exits_with_1_and_still_answers(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(lambda ctx: output.fail(ctx, {"failed": 1}))
    assert cli.run(["trial", "--json"]) == output.FAILED
    assert json.loads(capsys.readouterr().out) == {"failed": 1}


def test_an_error_is_a_sentence_on_stderr_and_a_code_in_json(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def action(ctx: click.Context) -> None:
        raise NotFound(what="job 7")

    command(action)
    assert cli.run(["trial"]) == output.FAILED
    plain = capsys.readouterr()
    assert plain.out == ""
    assert "job 7" in plain.err
    assert cli.run(["trial", "--json"]) == output.FAILED
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "not_found"


def test_a_product_that_was_not_started_is_told_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["jobs", "--data-dir", str(tmp_path)]) == output.FAILED
    assert "weft up" in capsys.readouterr().err


def test_secrets_are_masked_and_addresses_kept() -> None:
    from scripts.cli.diagnostics import effective_settings

    shown = effective_settings(Settings(redis_url="redis://:hidden@host/0", storage_url="s3://key:hidden@bucket/weft"))
    assert "hidden" not in json.dumps(shown)
    assert "bucket/weft" in shown["storage_url"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, ""), (4.4, "4 s"), (89, "89 s"), (180, "3 min"), (7500, "2 h 05 min")]
)
def test_spans_are_short(seconds: float | None, shown: str) -> None:
    assert output.span(seconds) == shown
