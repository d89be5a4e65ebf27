"""XMP sidecars: the classes as keywords (`dc:subject`), for digiKam, darktable, Lightroom and Bridge.

A RAW file's sidecar takes the place of its ending (`a.xmp`), as Adobe's programs want it; every other photo's stands
behind it (`a.jpg.xmp`), as digiKam and darktable want it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import splitext
from xml.sax.saxutils import escape

from shared.core.files import replacing
from shared.jobs.shown import ShownItem
from shared.jobs.sorting.manifest import Made, Manifest, is_ours, text_mark
from shared.jobs.sorting.sources import Sources, Unfit
from shared.photos.formats import is_raw_name

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
   <xmp:CreatorTool>Weft</xmp:CreatorTool>
   <dc:subject>
    <rdf:Bag>
{keywords}
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def sidecar(keywords: Iterable[str]) -> bytes:
    """The file that gives a photo these keywords, each once."""
    lines = (f"     <rdf:li>{escape(word)}</rdf:li>" for word in dict.fromkeys(filter(None, keywords)))
    return _XMP.format(keywords="\n".join(lines)).encode()


def sidecar_name(photo: str) -> str:
    """The name of a photo's sidecar."""
    return f"{splitext(photo)[0] if is_raw_name(photo) else photo}.xmp"


@dataclass(frozen=True, slots=True)
class Sidecars:
    """Which sidecars a run writes: for photos with a class, with its label and names as keywords."""

    #: Label → its names.
    names: Mapping[str, tuple[str, ...]]
    #: Beside the originals, not beside the photos in the tree.
    beside_originals: bool = False

    def content(self, row: ShownItem) -> bytes | None:
        """The sidecar of a result; None where it gets none."""
        label = row["final_label"]
        return None if label is None else sidecar((label, *self.names.get(label, ())))


class SidecarWriter:
    """Writes the sidecars of one job's tree; never over one that is not its own."""

    def __init__(self, job: str, root: Path, sources: Sources, wish: Sidecars) -> None:
        self._job, self._root, self._sources, self._wish = job, root, sources, wish

    def write(self, manifest: Manifest, rows: Iterable[ShownItem], dry: bool) -> tuple[int, int]:
        """How many were written, and how many could not be because another file was in the way."""
        written = refused = 0
        due: list[tuple[Path, bytes]] = []
        manifest.begin()
        for row in rows:
            known = manifest.find(self._job, row["index"], "sidecar")
            data, place = self._wish.content(row), self._place(manifest, row)
            if known is not None and (data is None or known.place != place) and not dry:
                if is_ours(self._root, known):
                    (self._root / known.place).unlink()
                manifest.drop(self._job, known)
                known = None
            if data is None or place is None:
                continue
            path, made = self._root / place, Made(row["index"], "sidecar", place, "text", text_mark(data))
            if not os.path.lexists(path):
                due.append((path, data))
            elif known is None:
                refused += 1
                continue
            elif is_ours(self._root, made):
                # A run that was killed had written it already.
                manifest.put(self._job, made)
                continue
            elif not is_ours(self._root, known):
                # Somebody has added to it.
                continue
            elif not dry:
                # The content first: if it is killed here, the file is found to be as it should.
                with replacing(path, mode=0o644, durable=False) as part:
                    part.write_bytes(data)
            manifest.put(self._job, made)
            written += 1
        manifest.commit()
        for path, data in due if not dry else ():
            with path.open("xb") as file:
                file.write(data)
        return written, refused

    def _place(self, manifest: Manifest, row: ShownItem) -> str | None:
        photo: str | None = None
        if self._wish.beside_originals:
            try:
                photo = str(self._sources.original(row))
            except Unfit:
                return None
        elif (made := manifest.find(self._job, row["index"], "photo")) is not None:
            photo = made.place
        if photo is None:
            return None
        for place in (sidecar_name(photo), f"{photo}.xmp"):
            if not manifest.taken(place, self._job, row["index"]):
                return place
        return None
