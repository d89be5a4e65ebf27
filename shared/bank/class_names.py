"""What a name typed by a person means: the one place where labels, display names and aliases become classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches

from shared.bank.manifest import ClassEntry, Manifest
from shared.bank.store import BankStore
from shared.core.errors import Conflict, WeftError
from shared.core.messages import sentence
from shared.core.names import fold, normal

#: Classes suggested for a name that no class has.
NEAR = 3


def name_key(name: str) -> str:
    """What two names must differ in to mean two classes: as `fold`, and width (NFKC) and spaces do not count either."""
    return " ".join(unicodedata.normalize("NFKC", fold(unicodedata.normalize("NFKC", name))).split())


class UnknownClass(Conflict):
    """A label that no class has; `near` holds the classes it may have been meant for."""

    code = "unknown_class"

    def __init__(self, label: str, near: Sequence[ClassEntry], makes: bool = False) -> None:
        """`makes`: the caller may ask for a new class of this name instead."""
        self.near = list(near)
        shown = "; ".join(" / ".join(dict.fromkeys(filter(None, (e.label, e.zh, e.en)))) for e in near)
        super().__init__(label=label, near=shown or "–")
        if makes:
            self.detail["makes"] = True


class ClassNames:
    """The classes of a bank, or of several in order of precedence, by every name they have. Immutable and shareable."""

    def __init__(self, classes: Iterable[ClassEntry]) -> None:
        self._classes: dict[str, ClassEntry] = {}
        for entry in classes:
            self._classes.setdefault(entry.label, entry)
        named: dict[str, set[str]] = {}
        for label, entry in self._classes.items():
            for name in (entry.zh, entry.en, *entry.aliases):
                if name:
                    named.setdefault(name_key(name), set()).add(label)
        # A name of two classes means neither; a label always means its own class.
        self._meaning = {key: next(iter(labels)) for key, labels in named.items() if len(labels) == 1}
        labels: dict[str, set[str]] = {}
        for label in self._classes:
            labels.setdefault(name_key(label), set()).add(label)
        for key, own in labels.items():
            if len(own) == 1:
                self._meaning[key] = next(iter(own))
            else:
                self._meaning.pop(key, None)

    def resolve(self, text: str) -> str | None:
        """The label that `text` means: a label as it is, else any name in any case, width or spacing; None: none."""
        return text if text in self._classes else self._meaning.get(name_key(text))

    def parent_of(self, label: str) -> str | None:
        """The label of a class's parent; None: it has none."""
        entry = self._classes.get(label)
        return entry.parent.label if entry is not None and entry.parent is not None else None

    def names_of(self, text: str) -> list[str]:
        """Every name of the class that `text` means, its label first; `text` where it means none."""
        entry = self._classes.get(self.resolve(text) or "")
        return [text] if entry is None else list(filter(None, (entry.label, entry.zh, entry.en, *entry.aliases)))

    def near(self, text: str) -> list[ClassEntry]:
        """Classes whose names resemble `text`, or contain it, best first."""
        key = name_key(text)
        similar = get_close_matches(key, self._meaning, n=2 * NEAR, cutoff=0.6)
        containing = sorted((k for k in self._meaning if key and (key in k or k in key)), key=len)
        labels = dict.fromkeys(self._meaning[k] for k in (*similar, *containing))
        return [self._classes[label] for label in list(labels)[:NEAR]]

    def typed(self, label: str, lang: str) -> str:
        """The name to offer for a class in a list of suggestions: in `lang`, but the label where that is ambiguous."""
        entry = self._classes.get(label)
        name = (entry.name(lang) if entry else "") or label
        return name if self.resolve(name) == label else label


class Spellings:
    """Class names of one set of corrections: `names`, and the new classes that the corrections themselves make."""

    def __init__(self, names: ClassNames) -> None:
        self.names = names
        self._new: dict[str, str] = {}

    def resolve(self, text: str) -> str | None:
        """The class that `text` means, one already made by a correction included; None: neither."""
        return self.names.resolve(text) or self._new.get(name_key(text))

    def settle(self, text: str) -> str:
        """As `resolve`; what means no class becomes a new one, which later spellings of the same name join."""
        return self.resolve(text) or self._new.setdefault(name_key(text), normal(text))


def class_names(banks: BankStore, version: str | None = None) -> ClassNames:
    """Names of `version`'s classes, then of those that the active version of its bank has beside them.

    A version that is gone or damaged contributes nothing: a correction must stay possible without it.
    """
    classes: list[ClassEntry] = []
    with suppress(WeftError):
        banks = banks.of_version(version)
    for wanted in dict.fromkeys((version, None)):
        try:
            classes += banks.manifest(wanted).ranked_classes
        except WeftError:
            continue
    return ClassNames(classes)


def names_unused_words(manifest: Manifest, lang: str | None = None) -> str | None:
    """Why class names do not count in a version, as a sentence in `lang` (None: see `shared.core.i18n.language`); None
    where they do, and where the model has no use for them."""
    found = manifest.names_unused
    if found is None:
        return None
    return sentence("bank_names_unused", lang, reason=sentence(found.code, lang, **found.detail))
