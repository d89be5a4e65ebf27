"""Fingerprints of requests: the same request has the same one, in every version of Weft."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from shared.core.settings import Settings
from shared.jobs.intake.idempotency import Command, RequestKey, fingerprint
from shared.jobs.intake.known_files import KnownFiles
from shared.jobs.model import Item

ITEMS = [Item(0, "a.jpg", "00"), Item(1, "布/b.jpg", "11")]


def test_fingerprints_tell_requests_apart() -> None:
    item = Item(0, "a.jpg", "00")
    renamed = Item(0, "b.jpg", "00")
    assert fingerprint("x", None, items=[item]) == fingerprint("x", None, items=[item])
    assert len({fingerprint("x", items=[item]), fingerprint("x", items=[renamed]), fingerprint("y", items=[item])}) == 3


@pytest.mark.parametrize(
    ("asked", "items", "expected"),
    [
        (("upload", "June", "standard"), ITEMS, "468a517f32be3b06459499e4843b1afcc0b19f050a07f8be2280685290986d54"),
        (
            ("upload", "", "standard", 1780000000.0),
            ITEMS,
            "e590c2fa7b90b896eb5b5ae23cb2e542ff2664a097d50410cd6e65e27944fe59",
        ),
        (("classify", "realtime"), ITEMS[:1], "111ee91604d3f57923ffc5856fb548a7035c77959b4069fd3d3501a8c11ee1e2"),
        (
            ("folder", "六月", "", "precise", None),
            None,
            "ddb78dc66fb008dfbf4231b5ca146fab7c9af4c65aa449b01ea58346a93b94c3",
        ),
    ],
)
def test_requests_keep_theirs_across_versions(
    asked: tuple[object, ...], items: list[Item] | None, expected: str
) -> None:
    assert RequestKey("any").fingerprint(asked, items) == expected


def test_commands_keep_theirs_across_versions(settings: Settings) -> None:
    with closing(KnownFiles(settings.data_dir)) as known:
        command = Command.of(known, [Path("/nas/night")], "", "precise", None, False)
    referred = "f9d1c07a765168d3dc1d5832f7863235d8b33c418cfdc8a9e1852afeec33fe69"
    copied = "6fe0efed25e953c2e65834a401ccdaa71da12798bbcfceeae7a717ff4d4ff2a5"
    assert command.fingerprint(("folder",), None) == referred
    assert command.fingerprint(("upload",), ITEMS) == copied
