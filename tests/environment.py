"""What programs that a test starts find in their environment."""

from __future__ import annotations

import os

#: Tests run however full the machine's disk is.
FOR_TESTS = {"WEFT_DISK_RESERVE_MB": "16"}


def clean_environment() -> dict[str, str]:
    """This process's own, without the settings of the person who runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WEFT_")} | FOR_TESTS
