"""Where a version keeps the pictures of its samples. No numpy here."""

from __future__ import annotations

#: Folders of a version: thumbnails of 240 pixels, and pictures in which the cloth can be seen.
THUMBS, PICTURES = "thumbs", "pictures"
#: Longer side of such a picture, in pixels.
PICTURE_SIDE = 1024


def picture_name(sample_id: str) -> str:
    """Path of a sample's large picture inside its version's folder."""
    return f"{PICTURES}/{sample_id[:2]}/{sample_id}.jpg"


def thumb_name(sample_id: str) -> str:
    """Path of a sample's thumbnail inside its version's folder."""
    return f"{THUMBS}/{sample_id[:2]}/{sample_id}.jpg"
