"""The table of classes: trade names, what they are, how much of them a photo shows, and who draws them."""

from __future__ import annotations

from scripts.render.catalogue import finished, knitted, napped, openwork, woven
from scripts.render.fabric_class import FabricClass

#: Name → class, in the table's order.
CLASSES: dict[str, FabricClass] = {
    row.name: row for rows in (woven.ROWS, knitted.ROWS, napped.ROWS, openwork.ROWS, finished.ROWS) for row in rows
}
