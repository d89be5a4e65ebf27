#!/bin/sh
# What is inside, as CycloneDX: build/sbom-python.json of the installed packages, build/sbom-web.json of the front-end files.
# The tool has a virtual environment of its own, so that the list does not hold the lister.
set -eu
cd "$(dirname "$0")/.."

tool=build/sbom-tool
mkdir -p build
.venv/bin/uv venv --quiet --clear "$tool"
.venv/bin/uv pip install --quiet --python "$tool/bin/python" --require-hashes --requirement scripts/locks/sbom.lock
"$tool/bin/cyclonedx-py" environment --pyproject pyproject.toml --output-reproducible --output-file build/sbom-python.json .venv/bin/python
rm -rf "$tool"
.venv/bin/python -m scripts.setup_assets --sbom >build/sbom-web.json
ls -l build/sbom-*.json
