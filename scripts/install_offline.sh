#!/bin/sh
# Installs Weft from an archive of `weft bundle`, with no network: sh scripts/install_offline.sh. PYTHON chooses the interpreter.
# What is installed has the hashes of the locks in wheels/, whatever has happened to the archive on its way.
set -eu
cd "$(dirname "$0")/.."

stop() { printf 'install: %s\n' "$*" >&2; exit 1; }

[ -f wheels/platform ] || stop "this is no archive of \`weft bundle\`"
needed=$(cat wheels/platform)
found=
for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
    if told=$("$candidate" -c 'import platform; print(*platform.python_version_tuple()[:2], platform.system(), platform.machine())' 2>/dev/null); then
        if [ "$told" = "$needed" ]; then python=$(command -v "$candidate"); break; fi
        found="$found, $told"
    fi
done
[ -n "${python:-}" ] || stop "the archive is for Python and a machine of this kind: $needed; found: ${found#, }"

rm -rf .venv build/uv
"$python" -m zipfile -e wheels/uv-*.whl build/uv
uv=$(echo build/uv/uv-*.data/scripts/uv)
chmod +x "$uv"
export UV_OFFLINE=1 UV_NO_CONFIG=1 UV_CACHE_DIR="$PWD/build/uv/cache"
"$uv" venv --quiet --no-project --python "$python" .venv
set --
for lock in wheels/*.lock; do set -- "$@" --requirement "$lock"; done
"$uv" pip install --quiet --python .venv/bin/python --no-index --no-deps --find-links wheels --require-hashes "$@"
"$uv" pip install --quiet --python .venv/bin/python --no-index --no-deps --no-build-isolation --editable .
rm -rf build/uv
.venv/bin/python -m compileall -qq -j 0 .venv/lib shared scripts worker web || true
printf 'install: done; %s\n' "$PWD/.venv/bin/weft" >&2
