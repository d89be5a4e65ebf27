"""`--bank`: which of several banks a command is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from scripts.cli import output
from shared.bank.store import BankStore

F = TypeVar("F", bound=Callable[..., Any])

_HELP = "The bank, by ID or name; default: the default bank (see weft bank banks)."


def with_bank(command: click.Command) -> click.Command:
    """The command with the option --bank, which `bank_store` reads."""

    def keep(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        output.state(ctx).bank = value

    command.params.append(click.Option(["--bank"], help=_HELP, expose_value=False, callback=keep))
    return command


def bank_store(ctx: click.Context) -> BankStore:
    """The store of the bank that the command line names. Raises NotFound."""
    chosen = output.state(ctx)
    return BankStore(chosen.settings).of(chosen.bank)


#: For commands that make jobs: a bank's active version, or a version outright.
job_bank = click.option("--bank", help="Bank, by ID or name, or a version of one; default: the default bank.")
