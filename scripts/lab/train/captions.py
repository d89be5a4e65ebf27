"""Captions of rendered photos, in Chinese and English: class, other trade names, structure words, colour."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.render import CLASSES, describe
from scripts.render.palette import SHADES

#: `{}` is the class; `{c}` its ground colour. Banks ask with templates like the first eight.
ENGLISH = (
    "{}",
    "{} fabric",
    "a photo of {} fabric.",
    "a close-up photo of {} texture.",
    "a swatch of {} cloth.",
    "a photo of {c} {} fabric.",
    "{c} {}",
    "a photo of {}.",
    "a close-up of {c} {} material",
    "folded {} cloth in {c}",
    "{c} {} texture",
    "textile: {}",
)
CHINESE = (
    "{}",
    "{}面料",
    "一张{}的照片",
    "{}面料的特写",
    "{}布样",
    "{c}{}",
    "{c}的{}面料",
    "{c}{}织物的照片",
    "{}的纹理",
    "面料：{}",
    "{}布料小样",
    "一块{c}{}",
)
FAMILIES = {
    "weave": ("woven", "机织"),
    "knit": ("knitted", "针织"),
    "pile": ("pile", "绒类"),
    "openwork": ("openwork", "镂空透明"),
    "solid": ("non-woven", "皮革无纺"),
    "made": ("fashioned", "加工面料"),
}


def names(klass: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All English and all Chinese names of a class; the first of each is the proper one."""
    entry = CLASSES[klass]
    return (entry.en, entry.name.replace("_", " "), *entry.words_en), (entry.zh, *entry.words_zh)


def caption(klass: str, colours: tuple[str, ...], rng: np.random.Generator) -> str:
    """One caption; the proper name half of the time, a family word now and then."""
    chinese = bool(rng.random() < 0.5)
    pool = names(klass)[int(chinese)]
    name = pool[0] if rng.random() < 0.5 else str(rng.choice(pool))
    family = FAMILIES[CLASSES[klass].family][int(chinese)]
    if rng.random() < 0.15:
        name = family + name if chinese else f"{family} {name}"
    template = str(rng.choice(CHINESE if chinese else ENGLISH))
    colour = SHADES[colours[0]][0] if chinese else colours[0]
    return template.replace("{c}", colour).replace("{}", name)


def corpus() -> list[str]:
    """Every sentence that captions can be made of, once a class name, once a colour: what the tokenizer learns from."""
    lines: list[str] = []
    for klass in CLASSES:
        english, chinese = names(klass)
        for words, templates, k in ((english, ENGLISH, 0), (chinese, CHINESE, 1)):
            for word in words:
                lines += [template.replace("{c}", "").replace("{}", word) for template in templates]
                lines.append(FAMILIES[CLASSES[klass].family][k])
    for name, (chinese_name, _) in SHADES.items():
        lines += [name, chinese_name] * 40
    return lines


def tokens(first: int, designs: int, each: int) -> NDArray[np.int16]:
    """Token ids of `each` captions of a run of every class's designs: [classes, designs, each, context length]."""
    import open_clip

    from shared.encoder import architectures

    architectures.register()
    tokenize = open_clip.get_tokenizer("weft-fabric")
    rng = np.random.default_rng([first, designs, each])
    rows = []
    for klass in CLASSES:
        for design in range(first, first + designs):
            colours = describe(klass, design)
            rows.append(tokenize([caption(klass, colours, rng) for _ in range(each)]).numpy().astype(np.int16))
    return np.stack(rows).reshape(len(CLASSES), designs, each, -1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help=".npy file")
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--designs", type=int, default=400)
    parser.add_argument("--each", type=int, default=8)
    options = parser.parse_args()
    made = tokens(options.first, options.designs, options.each)
    with options.out.with_suffix(".part").open("wb") as file:
        np.save(file, made)
    options.out.with_suffix(".part").rename(options.out)
