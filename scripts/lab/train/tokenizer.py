"""Learns the byte-pair merges of the embedded model's tokenizer from the captions (Sennrich et al. 2016).

The result is a file that open_clip's own tokenizer reads, so that nothing but data is ours. Any text can be written
with it, whatever the language: bytes are the smallest units.
"""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import pairwise
from pathlib import Path

import regex
from open_clip.tokenizer import bytes_to_unicode

from scripts.lab.train.captions import corpus

_PIECES = regex.compile(r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")


def _words(lines: list[str]) -> Counter[tuple[str, ...]]:
    table = bytes_to_unicode()
    found: Counter[tuple[str, ...]] = Counter()
    for line in lines:
        for piece in _PIECES.findall(line.lower()):
            # A Chinese run is a sentence, not a word; its characters and the names in it are what repeats.
            letters = [table[byte] for byte in piece.encode()]
            found[(*letters[:-1], letters[-1] + "</w>")] += 1
    return found


def learn(lines: list[str], merges: int) -> list[tuple[str, str]]:
    """The `merges` most frequent pair merges, in order."""
    words = _words(lines)
    learnt: list[tuple[str, str]] = []
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        if not pairs:
            break
        best, times = max(pairs.items(), key=lambda item: (item[1], item[0]))
        if times < 3:
            break
        learnt.append(best)
        merged: Counter[tuple[str, ...]] = Counter()
        for word, often in words.items():
            if best[0] not in word:
                merged[word] += often
                continue
            out: list[str] = []
            k = 0
            while k < len(word):
                if k + 1 < len(word) and (word[k], word[k + 1]) == best:
                    out.append(word[k] + word[k + 1])
                    k += 2
                else:
                    out.append(word[k])
                    k += 1
            merged[tuple(out)] += often
        words = merged
    return learnt


def write(path: Path, merges: int = 1536) -> int:
    """Writes the merges in open_clip's format; returns the vocabulary's size (bytes, word ends, merges, two marks)."""
    learnt = learn(corpus(), merges)
    text = "#weft\n" + "\n".join(" ".join(pair) for pair in learnt)
    with path.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.write(text.encode())
    return 512 + len(learnt) + 2


if __name__ == "__main__":
    from shared.encoder.architectures import HERE

    print(write(HERE / "weft-fabric.bpe.gz"))
