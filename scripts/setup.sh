#!/bin/sh
# Everything into ./.venv: the locked packages, this checkout, the front-end files. A second call has nothing to do.
# Each package is installed only if it has one of the hashes that stand in the lock.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

venv=.venv
stamp=$venv/.weft-setup
build_lock=scripts/locks/build.lock

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
        if recent "$candidate"; then command -v "$candidate"; return; fi
    done
    stop "Python 3.11 or newer is needed (set PYTHON to choose one)"
}

# Debian's python3 has no venv of its own: whatever there is makes one.
make_venv() {
    rm -rf "$venv"
    "$1" -m venv "$venv" 2>/dev/null && return
    rm -rf "$venv"
    if command -v uv >/dev/null; then uv venv --quiet --seed --python "$1" "$venv" && return; fi
    if command -v virtualenv >/dev/null; then virtualenv --quiet --python "$1" "$venv" && return; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing python3-venv"
        apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null && "$1" -m venv "$venv" && return
    fi
    stop "$1 cannot make a virtual environment: apt-get install python3-venv"
}

# uv is many times faster than pip, and asks the same index as pip is told to.
setting() { "$venv/bin/pip" config get "$1" 2>/dev/null || true; }

install() {
    index=${PIP_INDEX_URL:-$(setting global.index-url)}
    if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then export UV_DEFAULT_INDEX="$index"; fi
    certificates=${PIP_CERT:-$(setting global.cert)}
    if [ -n "$certificates" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$certificates"; fi
    if "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" "$@"; then return; fi
    say "uv could not; pip takes longer"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}

if [ ! -x "$venv/bin/python" ] || ! recent "$venv/bin/python"; then
    python=$(find_python)
    say "making $venv with $python"
    make_venv "$python"
fi

now=$(cat requirements.lock "$build_lock" pyproject.toml scripts/setup.sh | sha256sum; pwd)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$now" ]; then
    say "installing the packages of requirements.lock (a few minutes the first time)"
    rm -f "$stamp"
    "$venv/bin/pip" install -qq --disable-pip-version-check --require-hashes --requirement "$build_lock"
    install --require-hashes --requirement requirements.lock
    # With the setuptools of the lock: nothing is fetched to build it.
    install --no-deps --no-build-isolation --editable .
    say "compiling them, so that no start has to"
    "$venv/bin/python" -W ignore -m compileall -qq -j 0 -x '/tests?/' "$venv/lib" || true
    printf '%s\n' "$now" >"$stamp"
fi

# Where Python may not write beside its sources (PYTHONDONTWRITEBYTECODE, a read-only folder), each process of each start would compile them.
"$venv/bin/python" -m compileall -qq shared web worker scripts tests || true

"$venv/bin/python" -m scripts.setup_assets
