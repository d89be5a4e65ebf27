"""How large thumbnails are. Nothing numeric is imported here: pages name the sizes as well."""

from __future__ import annotations

#: Pixels of a thumbnail's longer side: for small places, and for cards and screens with two pixels for one.
SMALL_SIDE, LARGE_SIDE = 240, 480
