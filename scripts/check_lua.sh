#!/bin/sh
# luacheck over the ledger's scripts, each behind what is prepended to it (`scripts.source`). Where there is no luacheck
# (Debian: lua-check), this is said, and nothing fails.
set -eu
cd "$(dirname "$0")/.."
if ! command -v luacheck >/dev/null; then
    echo "lint: Lua is not checked: no luacheck here (apt-get install lua-check)" >&2
    exit 0
fi
target=build/lua
rm -rf "$target"
mkdir -p "$target"
.venv/bin/python - "$target" <<'PY'
import sys
from pathlib import Path

from shared.jobs.ledger.scripts import LUA, source

for path in LUA.glob("*.lua"):
    if path.stem != "common":
        Path(sys.argv[1], path.name).write_text(source(path.stem), encoding="utf-8")
PY
# Of the prepended part a script uses some functions only (211, 231: unused; 631: long lines are ruff's taste, not Lua's).
exec luacheck --no-color --quiet --std lua51 --read-globals redis struct cjson cmsgpack bit --globals KEYS ARGV --ignore 211 231 631 -- "$target"/*.lua
