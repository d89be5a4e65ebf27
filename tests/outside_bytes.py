"""For property tests of what reads outside bytes: bytes that are nearly right, and what reading them may cost."""

from __future__ import annotations

import resource
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck
from hypothesis import settings as examples
from hypothesis import strategies as st

from shared.core.errors import WeftError
from shared.core.messages import SENTENCES

#: What one input may cost: seconds of processor time, and megabytes that the process grows by.
SECONDS, MEGABYTES = 10.0, 200

#: The same examples in every run, so that a failure is one of the code and not of the day.
same_examples = examples(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)

#: Numbers at the edges of what a field can hold.
_EDGES = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF]
#: (how, where as a share of the length, with what)
_EDIT = st.tuples(st.sampled_from(["byte", "number", "cut", "insert", "drop"]), st.floats(0, 1), st.integers(0, 255))


@contextmanager
def bounded() -> Iterator[None]:
    """Fails where what happens inside takes too long or too much memory."""
    before, began = _megabytes(), time.process_time()
    yield
    assert time.process_time() - began < SECONDS
    assert _megabytes() - before < MEGABYTES


def _megabytes() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def is_ours(error: WeftError) -> None:
    """The error has a sentence of its own, which can be sent."""
    assert error.code in SENTENCES
    assert str(error).encode()


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Valid bytes with a few changes; often none, so that what is right is read as well."""
    data = bytearray(draw(whole))
    for how, share, value in draw(st.lists(_EDIT, max_size=4)):
        at = min(int(share * len(data)), max(0, len(data) - 1))
        if not data:
            break
        if how == "byte":
            data[at] = value
        elif how == "number":
            edge, width = _EDGES[value % len(_EDGES)], (2, 4, 8)[value % 3]
            data[at : at + width] = struct.pack("<Q", edge)[:width]
        elif how == "cut":
            del data[at:]
        elif how == "insert":
            data[at:at] = bytes([value]) * (value + 1)
        else:
            del data[at : at + value]
    return bytes(data)


#: Any JSON, numbers at their edges, lone surrogates and NaN included.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
