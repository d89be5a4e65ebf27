"""`weft doctor` as a person calls it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.cli.finding import Finding
from tests.environment import clean_environment
from tests.product import ROOT, WEFT


def findings(data_dir: Path, before: Sequence[str] = (), **settings: str) -> list[Finding]:
    """All of its findings; `before`: what the command is called through, `settings` as WEFT_ names in lower case."""
    env = clean_environment()
    chosen = {"engine": "null", "lang": "en", **settings, "data_dir": str(data_dir)}
    done = subprocess.run(
        [*before, *WEFT, "doctor", "--json"],
        env=env | {f"WEFT_{name.upper()}": value for name, value in chosen.items()},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout.strip(), done.stderr
    found = [Finding(**check) for check in json.loads(done.stdout)["checks"]]
    # Who calls it from a script goes by this.
    assert done.returncode == (1 if any(finding.state == "broken" for finding in found) else 0), done.stderr
    return found


def said(found: Sequence[Finding], what: str, state: str) -> str:
    """The text of the one finding of this name and state."""
    texts = [finding.text for finding in found if (finding.what, finding.state) == (what, state)]
    assert len(texts) == 1, found
    return texts[0]
