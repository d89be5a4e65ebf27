"""Knitted cloth: told by the loops."""

from __future__ import annotations

from scripts.render import knit
from scripts.render.fabric_class import FabricClass

ROWS = (
    FabricClass(
        "jersey",
        "jersey knit",
        "平针汗布",
        "knit",
        (16, 44),
        knit.jersey,
        0.7,
        ("single jersey", "stockinette", "t-shirt knit"),
        ("单面汗布", "针织布", "纬平针"),
    ),
    FabricClass(
        "rib_knit",
        "rib knit",
        "罗纹布",
        "knit",
        (12, 32),
        knit.rib,
        0.5,
        ("ribbing", "vertical ribs"),
        ("坑条", "螺纹", "罗口"),
    ),
    FabricClass(
        "cable_knit",
        "cable knit",
        "绞花针织",
        "knit",
        (14, 36),
        knit.cable,
        0.2,
        ("aran", "twisted ropes"),
        ("麻花针织", "扭绳花"),
    ),
    FabricClass(
        "pique",
        "pique knit",
        "珠地布",
        "knit",
        (16, 40),
        knit.pique,
        0.4,
        ("polo knit", "lacoste"),
        ("珠地网眼", "凹凸网眼"),
    ),
    FabricClass(
        "crochet",
        "crochet",
        "钩编",
        "knit",
        (4, 10),
        knit.crochet,
        0.15,
        ("hook lace", "shell stitch"),
        ("钩针", "钩花"),
    ),
)
