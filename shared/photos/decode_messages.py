"""Messages between a process that wants photos decoded and its decoders: JSON, because a decoder is not trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from shared.photos.box import Box

#: Bytes of a message at most; pixels never travel in one.
MESSAGE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Order:
    """Decode what is at the start of the shared memory."""

    #: Bytes of the file.
    size: int
    #: Whether thumbnails are wanted.
    thumbnail: bool
    #: Only this part of the photo; None: all of it.
    box: Box | None = None

    def to_bytes(self) -> bytes:
        return json.dumps({"size": self.size, "thumbnail": self.thumbnail, "box": self.box}, default=asdict).encode()

    @classmethod
    def from_bytes(cls, message: bytes) -> Self:
        found = json.loads(message)
        return cls(**{**found, "box": Box(*found["box"].values()) if found["box"] else None})


@dataclass(frozen=True, slots=True)
class Part:
    """Where an array of bytes lies in the shared memory."""

    at: int
    shape: list[int]


@dataclass(frozen=True, slots=True)
class Reply:
    """A decoder's answer; only what it has to say is set."""

    #: Bytes of memory that it has to be granted before it continues.
    need: int = 0
    #: Why the photo failed, and the values of the code's sentence.
    code: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    #: For the log, where the fault is the decoder's own.
    reason: str = ""
    #: What was made of the photo: the task's arrays, and both thumbnails behind them (an empty one is none).
    parts: list[Part] = field(default_factory=list)
    values: Mapping[str, Any] = field(default_factory=dict)
    #: Said once, at the start: what the process is kept from.
    confinement: list[str] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        # Not `asdict`, which copies the values that are all JSON already.
        return json.dumps({name: value for name in _REPLY if (value := getattr(self, name))}, default=asdict).encode()

    @classmethod
    def from_bytes(cls, message: bytes) -> Self:
        found = json.loads(message)
        return cls(**{**found, "parts": [Part(**part) for part in found.get("parts", ())]})


_REPLY = tuple(each.name for each in fields(Reply))
