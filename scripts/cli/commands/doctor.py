"""`weft doctor`: is everything there and well, and which settings are effective."""

from __future__ import annotations

import click
from rich.console import Console

from scripts.cli import diagnostics, output

MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "broken": "[red]broken[/]"}


@click.command()
@click.pass_context
def command(ctx: click.Context) -> None:
    """Check machine, data folder, Redis, model, bank and workers, and print the effective settings (secrets masked).

    Exit code 1 if a check fails.
    """
    settings = output.state(ctx).settings
    findings = diagnostics.examine(settings)
    well = all(finding.state != "broken" for finding in findings)
    tables = {
        "machine": diagnostics.machine().to_json(),
        "versions": diagnostics.versions(),
        "settings": diagnostics.effective_settings(settings),
    }
    document = {"ok": well, "checks": diagnostics.as_documents(findings), **tables}

    def human(console: Console) -> None:
        rows = [(finding.what, MARKS[finding.state], finding.text) for finding in findings]
        console.print(output.table(("", "", ""), rows))
        for title, values in tables.items():
            console.print(f"\n[bold]{title}[/]")
            console.print(output.table(("", ""), [(name, _shown(value)) for name, value in values.items()]))

    if not well:
        output.fail(ctx, document, human)
    output.emit(ctx, document, human)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "" if value is None else str(value)
