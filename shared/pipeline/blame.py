"""Whose fault an error is: a photo's own, which fails it, or another's, and then its chunk is handed back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog

from shared.core.errors import PhotoError, Unavailable, WeftError
from shared.core.messages import PHOTO_CODES
from shared.core.shortages import is_short

_log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Failures of a photo that are looked at before it is held to be its own fault, where nothing else succeeded beside it.
ATTEMPTS = 3
#: Seconds between two tracebacks of one kind of error.
TRACEBACK_INTERVAL = 60.0
#: Photos that are remembered.
_MAX_KNOWN = 10_000
#: Failures one by one, without a success, after which the rest of a batch is not tried.
_HOPELESS = 3


def fault(error: BaseException) -> tuple[str, dict[str, Any]] | None:
    """The stable code and detail with which a photo fails; None where the error is not the photo's fault."""
    if isinstance(error, PhotoError) and error.code in PHOTO_CODES:
        return error.code, error.detail
    return None


def obstacle(error: BaseException, code: str, **detail: Any) -> WeftError:
    """What keeps photos from being done, as people are told it. `code`: of an error that nobody foresaw; it gets a
    `reason`."""
    if is_short(error):
        return Unavailable("resources_exhausted", reason=_in_words(error))
    if isinstance(error, WeftError) and not isinstance(error, PhotoError):
        return error
    return Unavailable(code, reason=_in_words(error), **detail)


def _in_words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"[:300] if str(error) else type(error).__name__


def each(call: Callable[[Sequence[int]], Sequence[T]], count: int) -> list[T | Exception]:
    """One answer for each of `count` photos: of one call for all, or one by one where that raises.

    `call` gets numbers below `count`. A WeftError concerns all; else an exception stands for a photo's own answer.
    """
    try:
        return list(_answered(call, range(count)))
    except WeftError as error:
        return [error] * count
    except Exception as error:
        if count == 1:
            return [error]
    found: list[T | Exception] = []
    for n in range(count):
        if n >= _HOPELESS and all(isinstance(answer, Exception) for answer in found):
            return found + [found[-1]] * (count - n)
        try:
            found += _answered(call, [n])
        except Exception as error:
            found.append(error)
    return found


def _answered(call: Callable[[Sequence[int]], Sequence[T]], numbers: Sequence[int]) -> Sequence[T]:
    answers = call(numbers)
    if len(answers) != len(numbers):
        raise ValueError(f"{len(answers)} answers for {len(numbers)} photos")
    return answers


class Blame:
    """Tells a photo that nobody's code can stand from code that can stand no photo. For the life of a pipeline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._successes = 0
        #: Kind of error → when its traceback was logged last (monotonic seconds).
        self._told: dict[type[BaseException], float] = {}
        #: Photo → its failures, and the successes before the first of them.
        self._failures: dict[str, tuple[int, int]] = {}

    def _tell(self, photo: str, error: BaseException) -> None:
        """Logs the error, its traceback only now and then: writing one takes longer than a photo."""
        now = time.monotonic()
        with self._lock:
            whole = now - self._told.get(type(error), -TRACEBACK_INTERVAL) >= TRACEBACK_INTERVAL
            if whole:
                self._told[type(error)] = now
        _log.error("unexpected_error", photo=photo, error=_in_words(error), exc_info=error if whole else None)

    def succeeded(self) -> None:
        """Some other photo came through."""
        with self._lock:
            self._successes += 1

    def is_photos(self, photo: str, error: BaseException, beside: bool) -> bool:
        """Whether an unforeseen error is this photo's own fault. `beside`: others of its batch came through."""
        if isinstance(error, WeftError) or is_short(error):
            return False
        self._tell(photo, error)
        if beside:
            return True
        with self._lock:
            if len(self._failures) >= _MAX_KNOWN:
                self._failures.clear()
            failures, before = self._failures.get(photo, (0, self._successes))
            self._failures[photo] = (failures + 1, before)
            return failures + 1 >= ATTEMPTS and self._successes > before
