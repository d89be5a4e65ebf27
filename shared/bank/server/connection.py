"""Connections to the bank server, and what its errors mean. No numpy here."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

import structlog

from shared.core.errors import Conflict, Unavailable, WeftError
from shared.core.settings import Settings

if TYPE_CHECKING:
    import psycopg

    Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Seconds without an answer after which a connection is cut: the client library itself waits for ever for a server that
#: stands still.
HANG_SECONDS = 3.0
#: Seconds, and attempts, after which a question is given up: each attempt goes to the next host of the URL.
PATIENCE_SECONDS, _ATTEMPTS = 10.0, 3
#: Seconds between two attempts, and after a failure in which nothing is asked at all.
_PAUSE, _REST = 0.3, 2.0
#: Seconds for connecting to one host, where the URL says nothing else.
_CONNECT_SECONDS = 2
#: Samples of a class are found by the index on it; a plan that reads the whole table is never the better one.
_SESSION = (
    "SET enable_seqscan = off; SET jit = off; SET max_parallel_workers_per_gather = 0; SET statement_timeout = {ms}"
)
#: Parts of what a server says when it refuses to let somebody in. It has no code for the client then.
_REFUSALS = ("password authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied")

#: The same of a server that knew the password: what the client library says, and what a server that is full says.
_LET_IN = ("hot standby", "read-only", "connection slots", "too many clients", "closed the connection")

#: How psycopg tells of each host, and the words before what is wrong with it.
_HOST = re.compile(r"- host: '(?P<host>[^']*)', port: '(?P<port>[^']*)', hostaddr: [^:]*: (?P<said>.*)")
_FAILED = re.compile(r'^connection failed: (connection to server at "[^"]*", port \d+ failed: )?')


class Guard:
    """Shuts a connection's socket down when there is no sign of life for so many seconds."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._seconds = seconds
        self._cut_after: float | None = None
        # A descriptor of its own: the connection's may be closed, and used by others, before the timer goes off.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        self.alive()
        return self

    def alive(self, seconds: float | None = None) -> None:
        """Counts from here again; `seconds`: for what comes now."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(seconds or self._seconds, self._cut, [seconds or self._seconds])
        self._timer.daemon = True
        self._timer.start()

    def _cut(self, seconds: float) -> None:
        self._cut_after = seconds
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        self._socket.close()
        if error is not None and self._cut_after is not None:
            # What the client library says of it is that the server closed the connection.
            error.add_note(f"no answer within {self._cut_after:g} s")


class BankServer:
    """Cheap to make; connects when it is asked. Thread-safe."""

    def __init__(self, url: str, lease_seconds: float = 20.0, rest_seconds: float = _REST) -> None:
        """`lease_seconds`: a worker's; waiting for an answer must leave time to hand photos back. `rest_seconds`: for
        so long nothing is asked after a failure."""
        self._url = url
        self._rest = rest_seconds
        self._hang = min(HANG_SECONDS, lease_seconds / 4)
        self._patience = min(PATIENCE_SECONDS, lease_seconds / 2)
        self._lock = threading.Lock()
        #: By whether they are the primary's.
        self._idle: dict[bool, list[Connection]] = {False: [], True: []}
        self._failure: WeftError | None = None
        self._rests_until = 0.0

    @classmethod
    def of(cls, settings: Settings) -> BankServer | None:
        """The server that the settings name, if any."""
        url = settings.index_url
        return cls(url.get_secret_value(), settings.lease_seconds) if url else None

    @property
    def failure(self) -> WeftError | None:
        """Why the last question got no answer; None where it got one."""
        return self._failure

    def away(self) -> WeftError | None:
        """As `failure`, after another look where the last one was a while ago."""
        if self._failure is not None:
            with suppress(WeftError):
                self.ask(lambda connection: connection.execute("SELECT 1").fetchone())
        return self._failure

    def ask(self, work: Callable[[Connection], T], *, primary: bool = False) -> T:
        """The answer of any server of the URL, or of the one that takes changes, on a connection that is kept.

        `work` may be called several times. Raises Unavailable or Conflict as `explained`; psycopg's errors that are
        about the statement go through.
        """
        psycopg = driver()
        if self._failure is not None and time.monotonic() < self._rests_until:
            raise _again(self._failure)
        until = time.monotonic() + self._patience
        for attempt in range(_ATTEMPTS):
            try:
                answer = self._attempt(work, primary)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                failure = explained(error)
                # Whatever was connected to the same server is of no use either.
                self.close()
                if failure.code != "index_unavailable" or attempt + 1 == _ATTEMPTS or time.monotonic() > until:
                    break
                time.sleep(_PAUSE)
            except Conflict as error:
                failure = error
                break
            else:
                if self._failure is not None:
                    _log.info("bank_server_back")
                self._failure = None
                return answer
        if self._failure is None:
            _log.warning("bank_server_away", code=failure.code, message=str(failure))
        self._failure = failure
        self._rests_until = time.monotonic() + self._rest
        raise _again(failure)

    def once(self, work: Callable[[Connection, Guard], T], *, primary: bool, seconds: float = HANG_SECONDS) -> T:
        """`work` on a connection of its own, in one attempt, with the guard to tell of progress. Raises as `ask`, and
        Conflict("index_read_only") where no server takes changes."""
        errors = driver().OperationalError, driver().InterfaceError
        try:
            opened = connected(self._url, primary)
        except errors as error:
            if primary and self._reads_only():
                raise Conflict("index_read_only") from error
            raise explained(error) from error
        try:
            with opened as connection, Guard(connection, seconds) as guard:
                return work(connection, guard)
        except errors as error:
            raise explained(error) from error

    def close(self) -> None:
        """Ends what is idle; whoever asks again connects again."""
        with self._lock:
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle = {False: [], True: []}
        for connection in idle:
            connection.close()

    def _reads_only(self) -> bool:
        """Whether a server answers, but none is the primary."""
        try:
            with connected(self._url, primary=False) as connection, Guard(connection, HANG_SECONDS):
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        except (driver().Error, WeftError):
            return False
        return bool(row and row[0])

    def _attempt(self, work: Callable[[Connection], T], primary: bool) -> T:
        with self._lock:
            connection = self._idle[primary].pop() if self._idle[primary] else None
        connection = connection or self._opened(primary)
        try:
            with Guard(connection, self._hang):
                return work(connection)
        finally:
            # An error of the statement leaves the connection usable.
            if connection.closed or connection.broken:
                connection.close()
            else:
                with self._lock:
                    self._idle[primary].append(connection)

    def _opened(self, primary: bool) -> Connection:
        from pgvector.psycopg import register_vector

        psycopg = driver()
        connection = connected(self._url, primary)
        try:
            with Guard(connection, self._hang):
                connection.execute(_SESSION.format(ms=int(1000 * self._hang)))
                register_vector(connection)
        except psycopg.ProgrammingError as error:
            connection.close()
            raise Conflict("index_no_extension") from error
        except BaseException:
            connection.close()
            raise
        return connection


def driver() -> Any:
    """The module psycopg. Raises Conflict("index_needs_package")."""
    try:
        import pgvector
        import psycopg
    except ImportError as error:
        raise Conflict("index_needs_package", package="weft[index]") from error
    assert pgvector
    return psycopg


def connected(url: str, primary: bool) -> Connection:
    """A new connection to the first host that answers and, with `primary`, takes changes. Raises psycopg's errors."""
    psycopg = driver()
    more: dict[str, Any] = {"target_session_attrs": "primary"} if primary else {}
    if "connect_timeout" not in url:
        more["connect_timeout"] = _CONNECT_SECONDS
    found: Connection = psycopg.connect(url, autocommit=True, application_name="weft", **more)
    return found


def explained(error: Exception) -> WeftError:
    """What a psycopg error means to people.

    Unavailable: `index_unavailable`, `index_full`. Conflict: `index_denied`, `index_no_extension`, `index_read_only`.
    """
    errors, reason = driver().errors, _words(error)
    if isinstance(error, errors.DiskFull):
        return Unavailable("index_full", reason=reason)
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return Conflict("index_read_only")
    if isinstance(error, errors.FeatureNotSupported | errors.UndefinedFile | errors.UndefinedObject):
        return Conflict("index_no_extension")
    # What a server says may be in any language: it asked for a password, and with that did not let us in. It may have
    # done so and be a replica where the primary is wanted, or have no room.
    link = getattr(error, "pgconn", None)
    asked = (
        link is not None and getattr(error, "sqlstate", None) is None and (link.needs_password or link.used_password)
    )
    refused = asked and not any(words in reason for words in _LET_IN)
    if refused or isinstance(error, errors.InsufficientPrivilege) or any(words in reason for words in _REFUSALS):
        return Conflict("index_denied", reason=reason)
    return Unavailable("index_unavailable", reason=reason)


def _words(error: Exception) -> str:
    """In one short line: of several hosts what each said, without the advice that follows."""
    if notes := getattr(error, "__notes__", None):
        return str(notes[0])
    lines = str(error).splitlines() or [type(error).__name__]
    hosts = [f"{m['host']}:{m['port']} {_said(m['said'])}" for line in lines if (m := _HOST.match(line))]
    return ("; ".join(hosts) or _said(lines[0]))[:300]


def _said(line: str) -> str:
    return _FAILED.sub("", line)


def _again(failure: WeftError) -> WeftError:
    """An error like one that was raised before."""
    return type(failure)(failure.code, **failure.detail)
