"""Cloth with a pile or a nap."""

from __future__ import annotations

from scripts.render import pile
from scripts.render.fabric_class import FabricClass

ROWS = (
    FabricClass(
        "corduroy",
        "corduroy",
        "灯芯绒",
        "pile",
        (9, 26),
        pile.corduroy,
        0.35,
        ("needlecord", "wales"),
        ("条绒", "坑条绒"),
    ),
    FabricClass(
        "velvet", "velvet", "丝绒", "pile", (14, 40), pile.velvet, 1.0, ("velour", "plush sheen"), ("天鹅绒", "金丝绒")
    ),
    FabricClass(
        "terry", "terry", "毛巾布", "pile", (8, 22), pile.terry, 0.3, ("towelling", "looped pile"), ("毛圈布", "圈绒")
    ),
    FabricClass(
        "sherpa",
        "sherpa",
        "羊羔绒",
        "pile",
        (6, 16),
        pile.sherpa,
        0.2,
        ("lambskin pile", "teddy", "boucle"),
        ("泰迪绒", "颗粒绒"),
    ),
    FabricClass(
        "fleece",
        "fleece",
        "摇粒绒",
        "pile",
        (8, 22),
        pile.fleece,
        0.5,
        ("polar fleece", "brushed pile"),
        ("抓绒", "起绒布"),
    ),
    FabricClass(
        "faux_fur", "faux fur", "人造毛皮", "pile", (5, 14), pile.fur, 0.15, ("long pile", "fur"), ("仿皮草", "长毛绒")
    ),
    FabricClass(
        "chenille",
        "chenille",
        "雪尼尔",
        "pile",
        (7, 16),
        pile.chenille,
        0.25,
        ("tufted yarn", "furnishing plush"),
        ("绳绒", "雪尼尔纱"),
    ),
)
