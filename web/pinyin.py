"""Chinese names as they are typed on a keyboard: pinyin without tones, and its initials."""

from __future__ import annotations

import os
from functools import cache


@cache
def typed(name: str) -> tuple[str, ...]:
    """`牛仔布` → (`niuzaibu`, `nzb`); empty for a name without Chinese characters."""
    if name.isascii():
        return ()
    # Read at import: single characters are enough for names of cloth, at a tenth of the memory.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin import lazy_pinyin

    syllables = lazy_pinyin(name)
    whole = "".join(syllables).replace(" ", "").casefold()
    if whole == name.casefold():
        return ()
    return whole, "".join(syllable[0] for syllable in syllables if syllable.strip()).casefold()
