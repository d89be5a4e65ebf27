#!/bin/sh
# The tested versions of everything with their hashes, for every platform: requirements.lock. Beside it, of the same versions, what
# each image installs, and what installs packages. Arguments go to the first call: `--upgrade` for newer versions.
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile --universal --python-version 3.11 --quiet --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-strip-extras --custom-compile-command "make lock" "$@"
}

compile pyproject.toml --all-extras --group build "$@" --output-file requirements.lock

part() {
    name=$1
    shift
    compile --no-annotate --constraint requirements.lock "$@" --output-file "scripts/locks/$name.lock"
}

part build --group build
part assets --group assets
part sbom --group sbom
part web pyproject.toml --extra web --extra bank --extra watch --extra svg --extra s3 --extra index --extra otel
part worker pyproject.toml --extra worker --extra pdf --extra svg --extra s3 --extra index --extra otel
part models pyproject.toml --extra worker --extra models --extra texts --extra pdf --extra svg --extra s3 --extra index --extra otel

# Every package has a wheel for every platform that docs/upgrades.md names: nothing is installed.
for version in 3.11 3.12 3.13; do
    for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_36; do
        .venv/bin/uv pip install --dry-run --quiet --only-binary :all: --python-version "$version" --python-platform "$platform" \
            --target build/none --requirement requirements.lock
    done
done
