"""Cloth that one looks through."""

from __future__ import annotations

from scripts.render import openwork
from scripts.render.fabric_class import FabricClass

ROWS = (
    FabricClass(
        "tulle",
        "tulle",
        "网纱",
        "openwork",
        (12, 34),
        openwork.tulle,
        0.7,
        ("bobbinet", "veil net"),
        ("六角网", "薄纱网"),
    ),
    FabricClass(
        "mesh",
        "mesh",
        "网眼布",
        "openwork",
        (7, 22),
        openwork.mesh,
        0.45,
        ("sports mesh", "perforated knit"),
        ("透气网布", "三明治网布"),
    ),
    FabricClass(
        "lace",
        "lace",
        "蕾丝",
        "openwork",
        (22, 52),
        openwork.lace,
        0.35,
        ("raschel lace", "floral openwork"),
        ("花边", "镂空花"),
        ("white", "black", "ecru", "white", "black", "red", "pink", "navy"),
    ),
    FabricClass(
        "eyelet",
        "eyelet embroidery",
        "绣孔布",
        "openwork",
        (2.5, 6),
        openwork.eyelet,
        0.3,
        ("broderie anglaise", "cutwork"),
        ("镂空绣花", "打孔绣"),
    ),
    FabricClass(
        "chiffon",
        "chiffon",
        "雪纺",
        "openwork",
        (40, 90),
        openwork.chiffon,
        1.0,
        ("organza", "voile", "sheer"),
        ("欧根纱", "透明薄纱"),
    ),
    FabricClass(
        "gauze",
        "gauze",
        "纱布",
        "openwork",
        (24, 60),
        openwork.gauze,
        0.6,
        ("muslin", "cheesecloth", "crinkled open weave"),
        ("双层纱", "绉纱"),
    ),
)
