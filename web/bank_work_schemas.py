"""What bank work is asked with: as JSON, told apart by `kind`, and as the bank pages' forms."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, StringConstraints

from shared.curation.edits import MAX_NAME, MAX_NOTES, ClassWish
from web.bank_schemas import ClassName, SampleId, TaskId, Version


class Work(BaseModel):
    """What every kind of work is asked with; a task that writes starts from the active version."""

    model_config = ConfigDict(extra="forbid")


class Check(Work):
    kind: Literal["check"]
    version: Version | None = None


class Preview(Work):
    kind: Literal["preview"]
    version: Version


class Clean(Work):
    """A dry run; `apply` makes a version of what it shows."""

    kind: Literal["clean"]
    #: Samples per class at most.
    keep: int = Field(8, ge=2, le=1000)
    #: Of the draft, where there is one.
    draft: bool = False


class Apply(Work):
    kind: Literal["apply"]
    #: The finished `clean` task.
    plan: TaskId
    publish: bool = False
    #: What is made joins the draft.
    draft: bool = False


class Curate(Work):
    kind: Literal["curate"]
    #: Samples to set aside, and samples to put back.
    aside: list[SampleId] = []
    back: list[SampleId] = []
    publish: bool = False
    #: Start from the draft, where there is one, and join it.
    draft: bool = False


class Chosen(BaseModel):
    model_config = ConfigDict(extra="forbid")

    job: Annotated[str, StringConstraints(max_length=64)]
    index: int = Field(ge=0, le=4294967295)


class Add(Work):
    """Makes a version with these corrected photos as samples."""

    kind: Literal["add"]
    items: list[Chosen] = Field(min_length=1, max_length=10_000)
    publish: bool = False
    #: Start from the draft, where there is one, and join it.
    draft: bool = False


def _split(given: Any) -> Any:
    """A form sends all aliases in one field."""
    return (
        [part.strip() for part in re.split(r"[\n,;，、；]", given) if part.strip()] if isinstance(given, str) else given
    )


class Names(Work):
    """Names of a class; what is left out stays as it is."""

    zh: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME)] | None = None
    en: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME)] | None = None
    aliases: Annotated[list[Annotated[str, StringConstraints(max_length=MAX_NAME)]] | None, BeforeValidator(_split)] = (
        None
    )
    notes: Annotated[str, StringConstraints(max_length=MAX_NOTES)] | None = None
    #: The group of classes that it belongs to, by any name; a new name makes a group, an empty one takes it away.
    parent: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME)] | None = None

    @property
    def wish(self) -> ClassWish:
        return ClassWish(zh=self.zh, en=self.en, aliases=self.aliases, notes=self.notes, parent=self.parent)


class NameClass(Names):
    """Makes a class, or with `label` (any of its names) names one again. Joins the draft, as the kinds below do."""

    kind: Literal["class"]
    label: ClassName | None = None


class Merge(Work):
    """All samples of `label` go to `into`, which takes its names as aliases."""

    kind: Literal["merge"]
    label: ClassName
    into: ClassName


class Move(Names):
    """Samples go to the class `to`; without it, to a new class of these names."""

    kind: Literal["move"]
    samples: list[SampleId] = Field(min_length=1, max_length=10_000)
    to: ClassName | None = None


class Remove(Work):
    """The class goes; its samples are excluded and can be restored."""

    kind: Literal["remove"]
    label: ClassName


class PhotosForm(Names):
    """The text fields of photos for a class: `label` is one that exists; without it, a new class has these names."""

    label: ClassName | None = None


class BuildForm(Work):
    """The text fields of a new bank."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""


class ImportForm(BuildForm):
    #: The model that made the vectors, as in WEFT_MODEL; the active one where it is left out.
    model: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] | None = None


Editing = NameClass | Merge | Move | Remove


class Asked(
    RootModel[
        Annotated[
            Check | Preview | Clean | Apply | Curate | Add | NameClass | Merge | Move | Remove,
            Field(discriminator="kind"),
        ]
    ]
):
    """Bank work to start, told apart by `kind`."""
