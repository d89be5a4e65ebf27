"""What counts as a full disk."""

from __future__ import annotations

import errno

import pytest

from shared.core.errors import Unavailable
from shared.core.files import disk_errors


@pytest.mark.parametrize(
    "full",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Quota"),
        OSError("3000 requested and 1984 written"),
    ],
)
def test_a_full_disk(full: OSError) -> None:
    with pytest.raises(Unavailable) as refused, disk_errors():
        raise full
    assert refused.value.code == "disk_full"


@pytest.mark.parametrize(
    "other",
    [FileNotFoundError("bucket/key"), PermissionError("Access Denied"), OSError(errno.EIO, "Input/output error")],
)
def test_what_is_missing_or_forbidden_is_no_full_disk(other: OSError) -> None:
    """Object stores tell it without a number."""
    with pytest.raises(type(other)), disk_errors():
        raise other
