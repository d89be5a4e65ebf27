"""Jobs, versions of banks and models that no policy takes: a file of the data folder, written by `weft gc --pin`."""

from __future__ import annotations

import json
import re
from typing import Self

from shared.core.documents import parse_json
from shared.core.errors import Conflict, InvalidRequest
from shared.core.files import file_lock, write_atomic
from shared.core.settings import Settings

FILE = "pins.json"
#: What can be pinned: `job:ID`, `version:V`, `model:IDENTITY`.
_PIN = re.compile(r"(job|version|model):[A-Za-z0-9._-]{1,100}")


class Pins:
    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / FILE
        self._names: set[str] = set()

    def read(self) -> Self:
        """As the file is now. Raises Conflict where it is damaged: then nothing may be removed."""
        try:
            self._names = set(map(str, parse_json(self._path.read_text(encoding="utf-8"))))
        except FileNotFoundError:
            self._names = set()
        except ValueError as error:
            raise Conflict(reason=f"{self._path}: {error}") from error
        return self

    def has(self, kind: str, name: str) -> bool:
        return f"{kind}:{name}" in self._names

    def all(self) -> list[str]:
        return sorted(self._names)

    def change(self, pin: list[str], unpin: list[str]) -> None:
        """Raises InvalidRequest for what cannot be pinned."""
        for name in (*pin, *unpin):
            if not _PIN.fullmatch(name):
                raise InvalidRequest("invalid_request", reason=f"{name}: job:ID, version:V or model:IDENTITY")
        with file_lock(self._path.with_suffix(".lock")):
            self.read()
            self._names = (self._names | set(pin)) - set(unpin)
            write_atomic(self._path, json.dumps(sorted(self._names)).encode())
