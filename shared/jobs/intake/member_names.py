"""Names in a zip that do not say how they are encoded: one encoding for all of an archive, the one that reads best.

Old Windows programs write the code page of their country, others UTF-8 without its flag, and 7-Zip puts the true name
into an extra field.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Sequence

#: The first of two that read equally well is taken.
_ENCODINGS = ("gbk", "big5", "cp932", "euc_kr", "cp437", "cp850", "cp1252")
#: Names that are looked at closely.
_SAMPLE = 300
_UNICODE_PATH = 0x7075
#: Where an East Asian standard keeps its frequent characters: encoding in which to look, ranges of the first byte.
_FREQUENT_ROWS = {
    "gbk": ("gb2312", ((0xB0, 0xD7),), ((0xD8, 0xF7),)),
    "big5": ("big5", ((0xA4, 0xC6),), ((0xC9, 0xF9),)),
    "cp932": ("euc_jp", ((0xA4, 0xA5), (0xB0, 0xCF)), ((0xD0, 0xF4),)),
    "euc_kr": ("euc_kr", ((0xB0, 0xC8),), ()),
}
#: Korean and Chinese share their frequent rows: these decide. Characters of texts in general and of photo names.
_EVERYDAY = {
    "gbk": frozenset(
        "的一是不了在人有我他这中大来上个国和地到你说子就那要得着下自之年过后作里用道行所然家种事成方多经去法学如都"
        "同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性"
        "知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产新己制身果加西斯月话合回特代内信"
        "表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电"
        "棉布丝绸麻毛呢纱绒缎纹斜花针织梭色红黄蓝白黑灰绿紫图片照夹副件料样品格条涤纶纤维春夏秋冬季卷米号联粗细薄厚"
    ),
    "big5": frozenset(
        "的一是不了在人有我他這中大來上個國和地到你說子就那要出也得著下年會灣台絲綢棉布麻毛紗絨緞織紋針提花梭斜平條格"
        "色紅黃藍綠黑白灰紫照片圖檔新資料夾複製本樣品無標題號米卷料春夏秋冬"
    ),
    "euc_kr": frozenset(
        "이다는가의을에한은하도고로지사기서리인원면직물색천진더새복본시대수정어나해자일보스부를그아전제구과있주상게라여"
        "장만선조성동으안소경우무것국드생들트모공치유실방관거비연미중강신문위요저양회파란빨검흰회노초보실크니울린넨섬"
    ),
}


def decoded(names: Sequence[str], utf8: Sequence[bool], extras: Sequence[bytes]) -> list[str]:
    """The names as their makers saw them, with `/` between folders.

    `names`: as zipfile has them, those without the UTF-8 flag read as cp437. `extras`: the entries' extra fields.
    """
    found: list[str | None] = [name if flagged else None for name, flagged in zip(names, utf8, strict=True)]
    raw = [b"" if flagged else name.encode("cp437", "replace") for name, flagged in zip(names, utf8, strict=True)]
    for n, extra in enumerate(extras):
        if found[n] is None:
            found[n] = _unicode_path(extra, raw[n])
    open_names = [raw[n] for n, name in enumerate(found) if name is None]
    encoding = best_encoding(open_names)
    return [
        (name if name is not None else raw[n].decode(encoding, "replace")).replace("\\", "/")
        for n, name in enumerate(found)
    ]


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name of an Info-ZIP Unicode path field; it counts only where it was made for this very name."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5 and field[0] == 1:
            if struct.unpack_from("<I", field, 1)[0] != zlib.crc32(raw):
                return None
            try:
                return field[5:].decode()
            except UnicodeDecodeError:
                return None
    return None


def best_encoding(names: Sequence[bytes]) -> str:
    """The encoding in which all of these names can be read, and read most like names."""
    odd = [name for name in names if not name.isascii()]
    if _reads_all(odd, "utf-8"):
        return "utf-8"
    possible = [encoding for encoding in _ENCODINGS if _reads_all(odd, encoding)]
    sample = odd[:_SAMPLE]
    # cp437 reads anything; max takes the first of several best.
    return max(possible, key=lambda encoding: _plausibility(sample, encoding))


def _reads_all(names: Sequence[bytes], encoding: str) -> bool:
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _plausibility(names: Sequence[bytes], encoding: str) -> float:
    """Mean over the bytes that are no ASCII, at most 1.5: how much the characters look like those of a name."""
    total, length = 0.0, 0
    for raw in names:
        text = raw.decode(encoding)
        length += sum(byte > 0x7F for byte in raw)
        for n, char in enumerate(text):
            if char > "\x7f":
                weight = sum(byte > 0x7F for byte in char.encode(encoding))
                total += weight * _char_score(text, n, encoding)
    return total / max(1, length)


def _char_score(text: str, n: int, encoding: str) -> float:
    char = text[n]
    if unicodedata.category(char) in ("Co", "Cn", "Cc"):
        return -3.0
    if rows := _FREQUENT_ROWS.get(encoding):
        # In the middle of a word of Latin letters it is an accented letter, misread.
        inside = _is_ascii_letter(text[n - 1 : n]) + _is_ascii_letter(text[n + 1 : n + 2])
        score = _east_asian_score(char, encoding, *rows)
        return score * (1.0, 0.6, 0.3)[inside] if score > 0 and _is_ascii_letter(text[n - 1 : n]) else score
    return _latin_score(text, n)


def _is_ascii_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _east_asian_score(
    char: str, encoding: str, table: str, frequent: tuple[tuple[int, int], ...], rare: tuple[tuple[int, int], ...]
) -> float:
    if char in _EVERYDAY.get(encoding, ()):
        return 1.5
    try:
        code = char.encode(table)
    except UnicodeEncodeError:
        return -0.5
    if len(code) != 2 or code[0] == 0x8E:
        # Half-width katakana: what any other encoding looks like in Shift-JIS.
        return -0.5
    if any(low <= code[0] <= high for low, high in frequent):
        return 1.0
    if any(low <= code[0] <= high for low, high in rare):
        return 0.3
    # Full-width punctuation and digits are usual in names, box drawing is not.
    return -1.0 if unicodedata.category(char) == "So" else 0.2


def _latin_score(text: str, n: int) -> float:
    char = text[n]
    if unicodedata.category(char) not in ("Ll", "Lu") or "LATIN" not in unicodedata.name(char, ""):
        return -1.0
    before, after = text[n - 1] if n else " ", text[n + 1] if n + 1 < len(text) else " "
    if char.isupper() and before.islower():
        return -0.5
    run = sum(1 for other in text[max(0, n - 2) : n + 3] if other > "\x7f")
    if run > 2:
        return -0.5
    return 0.8 if before.isalpha() or after.isalpha() else 0.2
