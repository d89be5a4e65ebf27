"""A Redis server for the length of a `with`, which has loaded an RDB file and writes nothing."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.supervisor.redis import answers, wait_until
from scripts.supervisor.redis_server import find_server
from shared.core.errors import Unavailable
from shared.core.log_tail import last_lines

#: How many databases a server may have whose moment this is.
_DATABASES = 1024


@contextmanager
def serving(rdb: Path, db: int = 0) -> Iterator[str]:
    """The URL of database `db` of the file.

    Raises Unavailable: `redis_missing`; `redis_failed` where the server cannot read the file, as that of a newer Redis.
    """
    program, version = find_server()
    # A folder of its own with a short name: a socket's path is limited.
    with tempfile.TemporaryDirectory(prefix="weft-") as folder:
        socket, log = Path(folder) / "s", Path(folder) / "log"
        config = ["port 0", f"unixsocket {socket}", "unixsocketperm 700", f"databases {_DATABASES}"]
        config += [f'dir "{rdb.parent.resolve()}"', f"dbfilename {rdb.name}", 'save ""', "appendonly no"]
        if program.name.startswith("valkey") and int(version.split(".")[0]) >= 9:
            # Otherwise it refuses files of Redis 7.4 and newer, whose values it can read.
            config.append("rdb-version-check relaxed")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [program, "-"], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, close_fds=True
            )
            assert process.stdin is not None
            process.stdin.write("\n".join(config).encode())
            process.stdin.close()
        url = f"unix://{socket}?db={db}"

        def check() -> None:
            if process.poll() is not None:
                raise Unavailable("redis_failed", reason=last_lines(log, 2) or "?", log=str(rdb))

        try:
            wait_until(lambda: answers(url), check)
            yield url
        finally:
            process.kill()
            process.wait()
