"""open_clip's table of architectures and pretrained tags, readable where open_clip and torch are not installed.

`open_clip_tags.json` is made from the installed open_clip by `scripts.open_clip_tables`; a test keeps both equal.
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.encoder.open_clip_config import PretrainedConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = Path(__file__).parent / "open_clip_tags.json"
#: Names that an error proposes.
_PROPOSED = 5


@cache
def _tables() -> Any:
    return json.loads(FILE.read_text(encoding="utf-8"))


def architectures() -> list[str]:
    """Every architecture that open_clip bundles."""
    return list(_tables()["architectures"])


@cache
def tags(architecture: str) -> dict[str, PretrainedConfig]:
    """The pretrained tags of an architecture, each with its preprocessing and activation; {} where there are none."""
    kinds = _tables()["kinds"]
    found = _tables()["architectures"].get(architecture, {})
    return {tag: PretrainedConfig.from_json(kinds[kind]) for tag, kind in found.items()}


def has_quick_gelu(architecture: str) -> bool:
    """Whether the architecture's own config asks for QuickGELU."""
    return architecture in _tables()["quick_gelu"]


def near(word: str, names: Iterable[str]) -> list[str]:
    """The names that somebody who wrote `word` most likely meant, the likeliest first; at most five."""
    by_key = {_key(name): name for name in names}
    wanted = _key(word)
    close = difflib.get_close_matches(wanted, by_key, n=_PROPOSED, cutoff=0.75)
    # Whoever copies a name from the hub has the architecture within a longer one.
    within = sorted((key for key in by_key if len(key) > 5 and key in wanted), key=len, reverse=True)
    return [by_key[key] for key in dict.fromkeys([*close[:1], *within, *close[1:]])][:_PROPOSED]


def search(word: str) -> dict[str, list[str]]:
    """Architecture → tags, where the name of one of them contains `word`; capitals, `-`, `_` and `/` do not count.

    An architecture that fits by its own name is given with all its tags.
    """
    wanted = _key(word)
    found = {}
    for architecture in architectures():
        of_it = list(tags(architecture))
        fitting = of_it if wanted in _key(architecture) else [tag for tag in of_it if _fits(wanted, architecture, tag)]
        if fitting or wanted in _key(architecture):
            found[architecture] = fitting
    return found


def _fits(wanted: str, architecture: str, tag: str) -> bool:
    return wanted in _key(tag) or wanted in _key(architecture + tag)


def _key(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
