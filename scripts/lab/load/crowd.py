"""The clients of the load test: those that drip, that poll, that upload, and those whose waiting is measured."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from scripts.lab.load.http import Answer, Client

#: What is asked, by kind; JOB stands for the id of a job.
ASKED = {
    "pages": ("/", "/jobs", "/workers", "/jobs/JOB"),
    "api": ("/api/v1/jobs", "/api/v1/jobs/JOB", "/api/v1/workers", "/api/v1/jobs/JOB/items?limit=20"),
    "probes": ("/healthz", "/readyz"),
}
POLLED = ("/jobs/JOB/progress", "/jobs", "/api/v1/jobs/JOB")
#: Seconds between two bytes of a client that drips; between two polls; and that one upload is spread over.
DRIP, POLL, UPLOAD = 2.0, 1.0, 4.0
BOUNDARY = "weft-load"


@dataclass
class Tally:
    """Seconds of every answer by kind, and how often which status or error came."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def note(self, kind: str, outcome: str, seconds: float) -> None:
        self.outcomes[kind][outcome] += 1
        self.seconds[kind].append(seconds)


@dataclass
class Crowd:
    """Clients of one server, until `until` (monotonic seconds)."""

    host: str
    port: int
    job: str
    photo: bytes
    until: float
    tally: Tally = field(default_factory=Tally)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    async def asker(self, kind: str) -> None:
        """Asks each address of its kind in turn, four times a second at most."""
        client, turn = Client(self.host, self.port), 0
        while not self.over:
            path = ASKED[kind][turn % len(ASKED[kind])].replace("JOB", self.job)
            turn += 1
            await self._timed(kind, client, "GET", path, {"Accept": "text/html" if kind == "pages" else "*/*"})
            await asyncio.sleep(0.25)
        client.close()

    async def poller(self, number: int) -> None:
        """As an open page: once a second, with the tag of what it has."""
        client, tag = Client(self.host, self.port), ""
        path = POLLED[number % len(POLLED)].replace("JOB", self.job)
        await asyncio.sleep(random.random() * POLL)
        while not self.over:
            headers = {} if path.startswith("/api") else {"HX-Request": "true"}
            headers |= {"If-None-Match": tag} if tag else {}
            answer = await self._timed("polls", client, "GET", path, headers)
            tag = answer.headers.get("etag", "") if answer else tag
            await asyncio.sleep(POLL)
        client.close()

    async def uploader(self) -> None:
        """Photos over a slow line, one upload after another; what is refused is sent again when the server says."""
        client = Client(self.host, self.port)
        while not self.over:
            parts = b"".join(
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{n}.jpg"\r\n'
                f"Content-Type: image/jpeg\r\n\r\n".encode()
                + self.photo
                + random.randbytes(16)
                + b"\r\n"
                for n in range(8)
            )
            body = parts + f"--{BOUNDARY}--\r\n".encode()
            head = client.head(
                "POST",
                "/api/v1/jobs",
                {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": str(len(body))},
            )
            began, outcome, pause = time.monotonic(), "", 1.0
            try:
                async with asyncio.timeout(60):
                    _, writer = await client.open()
                    writer.write(head)
                    for at in range(0, len(body), len(body) // 20):
                        writer.write(body[at : at + len(body) // 20])
                        await writer.drain()
                        await asyncio.sleep(UPLOAD / 20)
                    answer = await client.answer()
                outcome = str(answer.status)
                pause = float(answer.headers.get("retry-after", pause))
            except (OSError, EOFError, TimeoutError) as error:
                outcome = type(error).__name__
                client.close()
            self.tally.note("uploads", outcome, time.monotonic() - began)
            await asyncio.sleep(pause)
        client.close()

    async def dripper(self, body: bool) -> None:
        """Sends a byte every `DRIP` seconds, of a header or of a body that never ends; comes again when cut off."""
        while not self.over:
            client = Client(self.host, self.port)
            began, outcome = time.monotonic(), "cut"
            try:
                reader, writer = await client.open()
                lengths = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": "100000"}
                head = client.head("POST", "/api/v1/jobs", lengths)
                writer.write(head if body else head[:40])
                while not self.over:
                    writer.write(b"x")
                    await writer.drain()
                    try:
                        line = await asyncio.wait_for(reader.readline(), DRIP)
                        outcome = line.split()[1].decode() if line else "cut"
                        break
                    except TimeoutError:
                        outcome = "held"
            except (OSError, EOFError) as error:
                outcome = type(error).__name__
            client.close()
            self.tally.note("slow bodies" if body else "slow headers", outcome, time.monotonic() - began)
            await asyncio.sleep(1)

    async def flood(self, requests: int) -> None:
        """So many requests one after another, over one connection where the server keeps it."""
        client, paths = Client(self.host, self.port), [*POLLED, *ASKED["api"], *ASKED["probes"]]
        for number in range(requests):
            await self._timed("flood", client, "GET", paths[number % len(paths)].replace("JOB", self.job), {})
        client.close()

    async def _timed(self, kind: str, client: Client, method: str, path: str, headers: dict[str, str]) -> Answer | None:
        began, answer = time.monotonic(), None
        try:
            answer = await client.ask(method, path, headers)
            outcome = str(answer.status)
        except (OSError, EOFError, TimeoutError) as error:
            outcome = type(error).__name__
        self.tally.note(kind, outcome, time.monotonic() - began)
        return answer
