"""A bank without any sample: names of the trade, and what the model's text tower makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from shared.bank.manifest import Origin
from shared.bank.store import BankStore
from shared.core.errors import ModelError
from shared.core.settings import Settings
from shared.curation.folder import Names
from shared.curation.texts import class_texts
from shared.curation.writer import Draft, seal
from shared.encoder import describe, load_encoder
from shared.encoder.text import temperature

#: Label → Chinese and English name, and aliases: the name that the demo model was trained with, where it is another.
_TRADE = Path(__file__).with_name("trade_names.json")


def trade_names() -> Names:
    """Labels, display names and aliases of the common fabric classes."""
    labels = json.loads(_TRADE.read_text(encoding="utf-8"))
    return Names(labels=labels, aliases={label: entry.get("aliases", []) for label, entry in labels.items()})


def build_names_bank(settings: Settings) -> str | None:
    """A version, not yet published, that ranks by name alone; None where the model has no text tower to ask.

    Needs torch. Raises ModelError where the model cannot be loaded, Unavailable("disk_full").
    """
    try:
        info = describe(settings)
    except ModelError:  # known only once it is converted, which a worker does at the same time
        encoder = load_encoder(settings, threads=1)
        info = encoder.info
        encoder.close()
    names = trade_names()
    classes = [names.of(label) for label in names.labels]
    texts = class_texts(classes, info, settings).rows
    if texts is None:
        return None
    store = BankStore(settings)
    with store.new_folder() as target:
        draft = Draft(
            info, classes, [], np.empty((0, info.dim), np.float16), texts=texts, name="names", origin=Origin.NAMES
        )
        draft.text_temperature = temperature(settings)
        return seal(store, target, draft)
