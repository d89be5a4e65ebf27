"""Where `weft` starts: what takes time to load is loaded here, so that Ctrl-C before that prints no traceback."""

from __future__ import annotations

from scripts.cli.interrupt import loading


def main() -> None:
    """Run one command."""
    loading()
    from scripts.cli.main import main as run

    run()
