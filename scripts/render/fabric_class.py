"""What the table of classes says of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scripts.render.surface import Design, Grid, Surface


@dataclass(frozen=True, slots=True)
class FabricClass:
    """One class of the trade, told by structure or finish, never by colour."""

    #: Identifier, also the folder name of rendered banks: lower case ASCII and underscores.
    name: str
    en: str
    zh: str
    #: weave, knit, pile, openwork, solid, made: the group in captions.
    family: str
    #: Structural units across the picture, from macro to arm's length.
    cells: tuple[float, float]
    draw: Callable[[Grid, Design], Surface]
    #: How far the cloth falls in folds, 0 (board) … 1 (silk).
    drape: float
    #: Further names and what a merchant would say of it: for captions.
    words_en: tuple[str, ...] = ()
    words_zh: tuple[str, ...] = ()
    #: Ground colours, where the trade's habit limits them.
    grounds: tuple[str, ...] | None = None
