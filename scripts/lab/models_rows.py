"""Which architectures are measured, and what was: for `make docs` and tests; written by `scripts.lab.models_table`."""

from __future__ import annotations

import json
from pathlib import Path

from shared.core.documents import Document

FILE = Path(__file__).with_name("models_measured.json")
#: Family → its smallest architectures, and those that are often used.
ARCHITECTURES = {
    "ViT": ("ViT-S-32-alt", "ViT-B-32", "ViT-B-32-256", "ViT-B-16", "ViT-B-16-plus-240", "ViT-L-14"),
    "ViT, QuickGELU (OpenAI, MetaCLIP, DFN)": ("ViT-B-32-quickgelu", "ViT-B-16-quickgelu"),
    "ViT of timm": ("vit_medium_patch16_gap_256", "vit_relpos_medium_patch16_cls_224"),
    "ResNet": ("RN50", "RN50-quickgelu", "RN101"),
    "ConvNeXt": ("convnext_tiny", "convnext_base"),
    "Swin": ("swin_base_patch4_window7_224",),
    "CoCa": ("coca_ViT-B-32",),
    "SigLIP": ("ViT-B-16-SigLIP", "ViT-B-16-SigLIP-i18n-256"),
    "SigLIP 2": ("ViT-B-32-SigLIP2-256",),
    "EVA02": ("EVA02-B-16",),
    "MobileCLIP": ("MobileCLIP-S1", "MobileCLIP-B", "MobileCLIP2-S0"),
    "ViTamin": ("ViTamin-S",),
    "PE": ("PE-Core-T-16-384", "PE-Core-S-16-384"),
    "CLIPA": ("ViT-L-14-CLIPA",),
    "XLM-R text": ("xlm-roberta-base-ViT-B-32",),
    "NLLB text": ("nllb-clip-base",),
    "mT5 text": ("mt5-base-ViT-B-32",),
}
#: One small architecture of each family, which `make test` converts.
SMALL = ("ViT-S-32-alt", "RN50", "convnext_tiny", "MobileCLIP2-S0", "ViTamin-S", "PE-Core-T-16-384")


#: When int8 is advised: its smallest centred cosine to the converted model, and photos per second beside it.
CENTRED, QUICKER = 0.9, 1.15


class Int8Row(Document):
    """The int8 version of an architecture beside its own converted model; `error` where there is none."""

    error: str | None = None
    #: Cosine: mean and smallest; and the smallest of the vectors without their mean.
    cosine: float = 0.0
    smallest: float = 0.0
    centred: float = 0.0
    #: Photos per second beside the converted model in this precision.
    speed: float = 0.0
    beside: str = ""
    #: Nearest other photo of the same class, share of rendered photos: before and with int8.
    before: float = 0.0
    after: float = 0.0

    def advice(self, own_centred: float) -> str:
        """Whether it is worth a try with real weights, and why not; `own_centred`: that of the converted model beside
        torch. Where it is low, random weights crowd too much to tell."""
        if self.error:
            return f"no: `{self.error}`"
        if self.centred < CENTRED:
            return "no: too far off" if own_centred >= CENTRED else "not known: vectors crowd"
        return "yes" if self.speed >= QUICKER else "no: hardly quicker"


class ModelRow(Document):
    """What was measured of one architecture; `error` where it does not convert."""

    architecture: str
    family: str
    error: str | None = None
    #: Pixels of its side, columns of its vectors.
    input_size: int = 0
    dim: int = 0
    #: Cosine with torch float32 and open_clip's own transform of the fully decoded photos: mean, smallest; and the
    #: smallest of the vectors without their mean, which random weights have nearly alone.
    cosine: float = 0.0
    smallest: float = 0.0
    centred: float = 0.0
    #: Largest resident set of the converting process, and the converted model on the disk.
    peak_mb: int = 0
    size_mb: int = 0
    #: Photos per second beside ViT-B/32's.
    speed: float = 0.0
    #: Codes where texts of that language have no vector; "" where they have.
    text: str = ""
    #: None: not measured.
    int8: Int8Row | None = None


def rows() -> list[ModelRow]:
    """What was measured, in the order of `ARCHITECTURES`."""
    if not FILE.exists():
        return []
    known = {row["architecture"]: ModelRow.from_json(row) for row in json.loads(FILE.read_text("utf-8"))}
    return [known[name] for names in ARCHITECTURES.values() for name in names if name in known]
