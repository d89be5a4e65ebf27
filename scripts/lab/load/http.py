"""A small HTTP/1.1 client on asyncio: it can also do what clients should not, such as send half a request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

#: Seconds after which an answer counts as none.
PATIENCE = 30.0


@dataclass
class Answer:
    """Status, headers by their name in lower case, and the body's length in bytes."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    length: int = 0


class Client:
    """One connection that is kept while the server keeps it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The connection. Raises OSError."""
        if self._streams is None or self._streams[1].is_closing():
            self._streams = await asyncio.open_connection(self._host, self._port)
        return self._streams

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """The answer. Raises OSError, TimeoutError (`PATIENCE`), EOFError where the server closes before it answers."""
        try:
            async with asyncio.timeout(PATIENCE):
                _, writer = await self.open()
                writer.write(self.head(method, path, {"Content-Length": str(len(body)), **(headers or {})}) + body)
                await writer.drain()
                return await self.answer()
        except BaseException:
            self.close()
            raise

    def head(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        """Request line and headers, the empty line included."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()

    async def answer(self) -> Answer:
        """Reads one answer to its end."""
        reader, _ = await self.open()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        found = Answer(int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs})
        if found.headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                await reader.readexactly(size + 2)
                found.length += size
            await reader.readexactly(2)
        elif found.status not in (204, 304) and "content-length" in found.headers:
            found.length = int(found.headers["content-length"])
            await reader.readexactly(found.length)
        if found.headers.get("connection", "").lower() == "close":
            self.close()
        return found

    def close(self) -> None:
        """Lets the connection go; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
