"""The `weft` command: a table of commands, each loaded only when it is called, so that `weft web` loads no numerics."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click
import structlog
from pydantic import ValidationError

from scripts.cli import output
from scripts.cli.interrupt import INTERRUPTED, loaded
from shared.core.errors import WeftError
from shared.core.messages import sentence
from shared.jobs.states import VERBS

#: Command → (module:attribute, help). The help stands here so that `weft --help` loads no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("scripts.cli.commands.up:command", "Start everything on this machine, Redis included."),
    "web": ("scripts.cli.commands.web:command", "Serve the pages and the API."),
    "worker": (
        "scripts.cli.commands.worker:command",
        "Run a worker that classifies photos.",
    ),
    "dispatcher": (
        "scripts.cli.commands.dispatcher:command",
        "Run the dispatcher: list folders, schedule work, recover lost chunks.",
    ),
    "classify": ("scripts.cli.commands.classify:command", "Classify photos now and print the results."),
    "submit": ("scripts.cli.commands.submit:command", "Submit photos, zip files or a folder as a job."),
    "collection": (
        "scripts.cli.commands.collections:command",
        "Folders of which every run classifies only new and changed photos.",
    ),
    "jobs": ("scripts.cli.commands.jobs:jobs", "List jobs, newest first."),
    "watch": ("scripts.cli.commands.jobs:watch", "Follow a job until it is finished."),
    "export": ("scripts.cli.commands.export:command", "Write a job's results to a file."),
    "sort": ("scripts.cli.commands.sort:command", "Sort a job's photos into folders by class: links or copies."),
    **{verb: (f"scripts.cli.commands.control:{verb}", declared.meaning) for verb, declared in VERBS.items()},
    "change": ("scripts.cli.commands.change:change", "Change a job: name, priority, hours of work, deadline."),
    "rename": ("scripts.cli.commands.change:rename", "Rename a job."),
    "priority": ("scripts.cli.commands.change:priority", "Give a job a priority: high, normal or low."),
    "rerun": ("scripts.cli.commands.change:rerun", "Classify a job's photos once more, as a new job."),
    "compare": ("scripts.cli.commands.compare:command", "Compare the answers of two jobs over the same photos."),
    "archive": ("scripts.cli.commands.change:archive", "Archive an ended job before its time."),
    "delete": ("scripts.cli.commands.delete:command", "Delete an ended job permanently."),
    "bank": ("scripts.cli.commands.bank:command", "Build, check, publish and roll back banks."),
    "evaluate": ("scripts.cli.commands.evaluate:command", "Measure a bank on labelled photos."),
    "embed": ("scripts.cli.commands.embed:command", "Write photos' embeddings to a file."),
    "model": ("scripts.cli.commands.model:command", "List, download, check and quantize models."),
    "backup": (
        "scripts.cli.commands.backup:backup",
        "Back up the ledger, results, uploads and banks; safe while Weft is running.",
    ),
    "restore": ("scripts.cli.commands.backup:restore", "Restore a backup into an empty data folder."),
    "bundle": (
        "scripts.cli.commands.bundle:command",
        "Write one archive from which a machine without any network installs Weft.",
    ),
    "gc": (
        "scripts.cli.commands.gc:command",
        "Remove uploads, results, versions of banks and models that no policy keeps.",
    ),
    "similar": (
        "scripts.cli.commands.similar:command",
        "Look after the archive in which similar photos of all jobs are found.",
    ),
    "key": ("scripts.cli.commands.key:command", "Create, list and revoke access keys for the pages and the API."),
    "audit": ("scripts.cli.commands.audit:command", "Show who did what, and who was refused."),
    "webhook": (
        "scripts.cli.commands.webhook:command",
        "Try who is told that a job has ended (WEFT_WEBHOOKS, WEFT_MAIL_TO).",
    ),
    "bench": ("scripts.cli.commands.bench:command", "Benchmark this machine."),
    "doctor": ("scripts.cli.commands.doctor:command", "Check the installation and print the effective settings."),
}


#: Commands that work with a server elsewhere, too (WEFT_URL), and what they are then.
ELSEWHERE: dict[str, str] = {
    "submit": "scripts.cli.remote.submit:command",
    "export": "scripts.cli.remote.results:export",
    **dict.fromkeys(("jobs", "watch", *VERBS), "scripts.cli.remote.jobs:{name}"),
    **dict.fromkeys(("change", "rename", "priority", "archive", "delete"), "scripts.cli.remote.jobs:{name}"),
}
#: Commands of which a server consists: they run on this machine whatever WEFT_URL says.
SERVER = frozenset({"up", "web", "worker", "dispatcher", "bench", "doctor"})
#: Commands whose output files are the user's own; what all others write is for nobody else on this machine.
USER_FILES = frozenset({"export", "sort", "embed", "evaluate", "bench"})


class Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, and give it (and its subcommands) the common options."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in USER_FILES:
            os.umask(0o077)
        module, attribute = _place(cmd_name, output.state(ctx)).split(":")
        command: click.Command = getattr(import_module(module), attribute)
        loaded()
        command.name = cmd_name
        _add_common_options(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Where a command works decides which one it is, so the options that say so are looked for first."""
        state = output.state(ctx)
        state.url = state.url or _given("--url", args)
        state.here = state.here or _given("--data-dir", args) is not None
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table's own help texts: nothing is imported for them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _place(name: str, state: output.State) -> str:
    """Module and attribute of a command: the one of this machine, or of a server elsewhere."""
    if state.elsewhere and (name not in SERVER or state.client_only):
        return ELSEWHERE.get(name, "scripts.cli.remote.refused:{name}").format(name=name)
    return COMMANDS[name][0]


def _given(option: str, arguments: list[str]) -> str | None:
    """An option's value in a command line that is not parsed yet."""
    for place, word in enumerate(arguments):
        if word == "--":
            break
        if word == option and place + 1 < len(arguments):
            return arguments[place + 1]
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def _common_options() -> list[click.Option]:
    return [
        click.Option(
            ["--data-dir"],
            type=click.Path(file_okay=False, path_type=Path),
            help="Data folder (WEFT_DATA_DIR).",
            expose_value=False,
            callback=_set_data_dir,
        ),
        click.Option(
            ["--url"],
            metavar="URL",
            help="Server elsewhere whose jobs are meant (WEFT_URL; its key: WEFT_KEY).",
            expose_value=False,
            callback=_set_url,
        ),
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            help="Print one JSON document on stdout and nothing else.",
            expose_value=False,
            callback=_set_json,
        ),
    ]


def _add_common_options(command: click.Command) -> None:
    taken = {option for parameter in command.params for option in parameter.opts}
    command.params.extend(option for option in _common_options() if not taken & set(option.opts))
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _add_common_options(inner)


def _set_data_dir(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        output.state(ctx).data_dir = value
        output.state(ctx).here = True


def _set_url(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        output.state(ctx).url = value


def _set_json(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        output.state(ctx).json = True


@click.group(cls=Lazy, params=_common_options(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="weft")
@click.pass_context
def weft(ctx: click.Context) -> None:
    """Weft: a folder of fabric photos in, ranked fabric classes out.

    Exit codes: 0 success, 1 failure, 2 wrong usage; of jobs that are followed, 3 if some photos failed.
    """
    output.state(ctx)


def main(arguments: list[str] | None = None) -> None:
    """Run one command; every error becomes a sentence and an exit code."""
    # A name that is no UTF-8 must not end a command; in JSON the escape is valid, too.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Standard output is for answers, also before a command has its settings.
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=sys.stderr))
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    state = output.State()
    # What it is set to can only be seen by setting it.
    before = os.umask(0o077)
    os.umask(before)
    try:
        result: Any = weft.main(arguments, prog_name="weft", standalone_mode=False, obj=state)
        return result if isinstance(result, int) else output.OK
    except click.UsageError as error:
        error.show()
        return output.USAGE
    except click.ClickException as error:
        error.show()
        return output.FAILED
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except WeftError as error:
        output.error(error, state.json)
        _hint(error, state)
        return output.FAILED
    except BrokenPipeError:
        # `weft jobs | head`; nobody reads on, and the interpreter must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return output.FAILED
    except ValidationError as error:
        for problem in error.errors():
            click.echo(f"WEFT_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}", err=True)
        return output.USAGE
    except RuntimeError as error:
        # Ctrl-C while a lock is being taken: Python 3.11 then complains of the lock.
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        return INTERRUPTED
    finally:
        os.umask(before)


def _hint(error: WeftError, state: output.State) -> None:
    """Redis "cannot be reached" most often because nothing was started."""
    if state.elsewhere:
        return
    from shared.core.redis_urls import ADDRESS_FILE

    settings = state.settings
    if error.code == "redis_unavailable" and not settings.redis_url and not (settings.run_dir / ADDRESS_FILE).exists():
        output.note(sentence("not_running", data_dir=settings.data_dir))
    elif error.code == "no_worker":
        output.note("weft worker")


if __name__ == "__main__":
    main()
