"""Changes that people make to a bank's classes: what they ask for, and which samples and names it concerns. No numpy.

Labels stay for good: a class is named again by its Chinese and English names, and jobs and exports keep their label.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from shared.bank.class_names import ClassNames
from shared.bank.manifest import ClassEntry, Manifest, Parent
from shared.bank.store import BankStore
from shared.core.documents import Document
from shared.core.errors import InvalidRequest, NotFound
from shared.core.names import label as label_of
from shared.core.names import normal

#: Characters of a name of a class, and of its notes.
MAX_NAME, MAX_NOTES = 150, 2000
#: Names that a class may have beside its Chinese and English one.
MAX_ALIASES = 50


class ClassWish(Document):
    """Names for a class; what is None stays as it is, an empty text takes it away."""

    zh: str | None = None
    en: str | None = None
    aliases: list[str] | None = None
    notes: str | None = None
    #: Its group of classes, by any name of that; a name that no group has makes one.
    parent: str | None = None


class Edit(Document):
    """One change, worked out against a version."""

    #: Classes that are new or named again, whole.
    classes: list[ClassEntry] = Field(default_factory=list)
    #: Sample id → label.
    move: dict[str, str] = Field(default_factory=dict)
    #: Labels of classes that go.
    remove: list[str] = Field(default_factory=list)


def known_classes(manifest: Manifest) -> ClassNames:
    """All classes of a version by every name, with samples or without."""
    return ClassNames([*manifest.classes, *manifest.unused_classes])


def find(manifest: Manifest, name: str) -> ClassEntry:
    """The class that `name` means, by label, Chinese or English name or alias. Raises NotFound."""
    label = known_classes(manifest).resolve(name)
    for entry in (*manifest.classes, *manifest.unused_classes):
        if entry.label == label:
            return entry.without_count()
    raise NotFound(what=name)


def new_class(manifest: Manifest | None, wish: ClassWish) -> ClassEntry:
    """A class that `manifest` (None: no bank yet) does not have; its label comes from its English or Chinese name.

    Raises InvalidRequest: `class_unnamed`, `class_name_taken`, `label_*`, `class_name_long`.
    """
    zh, en = normal(wish.zh or ""), normal(wish.en or "")
    if not zh and not en:
        raise InvalidRequest("class_unnamed")
    plain = (en or zh).replace("/", "-").replace("\\", "-")
    label = label_of("_".join(plain.casefold().split()) if plain.isascii() else plain)
    bare = ClassEntry(label=label, zh=zh or en, en=en or zh, aliases=[])
    return _named(manifest, bare, wish.model_copy(update={"zh": bare.zh, "en": bare.en}), is_new=True)


def naming(manifest: Manifest, label: str, wish: ClassWish) -> Edit:
    """Names a class again. Raises NotFound, InvalidRequest (`class_name_taken`, `class_name_long`)."""
    return Edit(classes=[_named(manifest, find(manifest, label), wish)])


def _named(manifest: Manifest | None, entry: ClassEntry, wish: ClassWish, is_new: bool = False) -> ClassEntry:
    zh = entry.zh if wish.zh is None else normal(wish.zh) or entry.label
    en = entry.en if wish.en is None else normal(wish.en) or entry.label
    aliases = entry.aliases if wish.aliases is None else [a for a in map(normal, wish.aliases) if a]
    aliases = [alias for alias in dict.fromkeys(aliases) if alias not in (zh, en)][:MAX_ALIASES]
    had = set() if is_new else {entry.zh, entry.en, *entry.aliases}
    known = known_classes(manifest) if manifest else ClassNames([])
    for name in (zh, en, *aliases, *([entry.label] if is_new else [])):
        if len(name) > MAX_NAME:
            raise InvalidRequest("class_name_long", name=name[:40] + "…", limit=MAX_NAME)
        other = known.resolve(name)
        if name not in had and other is not None and (is_new or other != entry.label):
            raise InvalidRequest("class_name_taken", name=name, other=other)
    notes = entry.notes if wish.notes is None else wish.notes.strip()[:MAX_NOTES]
    named = ClassEntry(label=entry.label, zh=zh, en=en, aliases=aliases)
    parent = entry.parent if wish.parent is None else _parent(manifest, normal(wish.parent))
    return named.model_copy(update=entry.model_copy(update={"notes": notes, "parent": parent}).optional())


def _parent(manifest: Manifest | None, name: str) -> Parent | None:
    """The group of classes that is called so, or a new one; None for an empty name."""
    if not name:
        return None
    if len(name) > MAX_NAME:
        raise InvalidRequest("class_name_long", name=name[:40] + "…", limit=MAX_NAME)
    entries = [*manifest.classes, *manifest.unused_classes] if manifest else []
    groups = {entry.parent.label: entry.parent for entry in entries if entry.parent is not None}
    called = ClassNames([ClassEntry(label=one.label, zh=one.zh, en=one.en) for one in groups.values()]).resolve(name)
    return groups[called] if called is not None else Parent(label=label_of(name), zh=name, en=name)


def merging(store: BankStore, version: str, label: str, into: str) -> Edit:
    """All samples of one class go to another, which takes its names as aliases. Raises NotFound, InvalidRequest."""
    manifest = store.manifest(version)
    gone, kept = find(manifest, label), find(manifest, into)
    if gone.label == kept.label:
        raise InvalidRequest("class_merged_with_itself")
    # Of a large bank, only this class is read.
    own = next((found.samples for found in store.classes(version) if found.entry.label == gone.label), ())
    aside = (row for row in store.aside_rows(version) if row.label == gone.label)
    names = dict.fromkeys([*kept.aliases, gone.zh, gone.en, *gone.aliases, gone.label])
    aliases = [name for name in names if name and name not in (kept.zh, kept.en, kept.label)][:MAX_ALIASES]
    return Edit(
        classes=[kept.model_copy(update={"aliases": aliases})],
        move={row.id: kept.label for row in (*own, *aside)},
        remove=[gone.label],
    )


def moving(manifest: Manifest, samples: Sequence[str], to: str | None, wish: ClassWish) -> Edit:
    """Samples go to the class `to`, or (None) to a new one: a class is split. Raises NotFound, InvalidRequest."""
    if not samples:
        raise InvalidRequest("no_samples_selected")
    entry = new_class(manifest, wish) if to is None else find(manifest, to)
    return Edit(classes=[entry] if to is None else [], move=dict.fromkeys(samples, entry.label))


def removing(manifest: Manifest, label: str) -> Edit:
    """A class goes; its samples are excluded and can be restored. Raises NotFound."""
    return Edit(remove=[find(manifest, label).label])
