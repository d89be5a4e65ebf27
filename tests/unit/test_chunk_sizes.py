"""Chunks of a job: large while much is left, small at the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.core.settings import CHUNK_ITEMS
from shared.jobs.ledger.submission import guided


@given(st.integers(0, 5000))
def test_every_item_is_in_one_chunk_in_order(total: int) -> None:
    chunks = list(guided(range(total), total))
    assert [item for chunk in chunks for item in chunk] == list(range(total))
    assert all(0 < len(chunk) <= CHUNK_ITEMS for chunk in chunks)


@given(st.integers(0, 5000))
def test_chunks_never_grow(total: int) -> None:
    sizes = [len(chunk) for chunk in guided(range(total), total)]
    assert sizes == sorted(sizes, reverse=True)


def test_the_last_chunk_is_a_small_share_of_a_long_job() -> None:
    sizes = [len(chunk) for chunk in guided(range(100_000), 100_000)]
    assert sizes[0] == CHUNK_ITEMS
    assert sizes[-1] <= 8
    # Cutting finer at the end must not double the messages of a night's job.
    assert len(sizes) < 1.1 * 100_000 / CHUNK_ITEMS
