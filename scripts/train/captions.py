"""Captions of rendered photos, in Chinese and English: class, other trade names, structure words, colour."""

from __future__ import annotations

import numpy as np

from scripts.render import CLASSES
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
