"""What is asked of a bank task, how far it is and what it found, as its files hold it. No numpy here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.bank.manifest import DEFAULT_BANK
from shared.core.documents import Document
from shared.curation.edits import Edit
from shared.curation.reports import CheckReport, CleaningPlan, MadeVersion
from shared.curation.version_preview import VersionPreview


class TaskKind(StrEnum):
    CHECK = "check"
    PREVIEW = "preview"
    CLEAN = "clean"
    APPLY = "apply"
    CURATE = "curate"
    ADD = "add"
    #: A class made, or named again.
    CLASS = "class"
    MERGE = "merge"
    MOVE = "move"
    REMOVE = "remove"
    #: Photos put into a class.
    PHOTOS = "photos"
    #: A bank of uploaded class folders, and of an uploaded NPZ.
    BUILD = "build"
    IMPORT = "import"


class TaskState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    #: It ended without an outcome.
    INTERRUPTED = "interrupted"


class CheckArguments(Document):
    version: str


class PreviewArguments(Document):
    version: str
    #: The version that `version` would replace; None: the active one.
    base: str | None


class CleanArguments(Document):
    version: str
    #: Samples per class at most.
    keep: int


class ApplyArguments(Document):
    version: str
    #: The finished `clean` task.
    plan: str
    publish: bool
    #: The version made joins the draft.
    draft: bool = False


class CurateArguments(Document):
    version: str
    #: Ids of samples to set aside, and to put back.
    aside: list[str]
    back: list[str]
    publish: bool
    #: The version made joins the draft.
    draft: bool = False


class AddArguments(Document):
    version: str
    #: (job, index) of corrected photos.
    items: list[tuple[str, int]]
    publish: bool
    #: The version made joins the draft.
    draft: bool = False


class EditArguments(Document):
    """A change of classes; what it makes joins the draft."""

    version: str
    edit: Edit
    #: The class that is shown afterwards.
    label: str | None
    #: Photos to add (`shared.curation.uploads`).
    upload: str | None = None


class NewBankArguments(Document):
    """A version of nothing but what was uploaded; it joins the draft of its bank."""

    upload: str
    name: str
    #: The model that made the vectors of an NPZ, as in WEFT_MODEL; None: the active one.
    model: str | None = None
    #: There is none.
    version: None = None
    #: The id of the bank that it is for.
    bank: str = DEFAULT_BANK


Arguments = (
    CheckArguments
    | PreviewArguments
    | CleanArguments
    | ApplyArguments
    | CurateArguments
    | AddArguments
    | EditArguments
    | NewBankArguments
)
Result = CheckReport | VersionPreview | CleaningPlan | MadeVersion

#: What each kind is asked with and finds.
FORMS: dict[TaskKind, tuple[type[Arguments], type[Result]]] = {
    TaskKind.CHECK: (CheckArguments, CheckReport),
    TaskKind.PREVIEW: (PreviewArguments, VersionPreview),
    TaskKind.CLEAN: (CleanArguments, CleaningPlan),
    TaskKind.APPLY: (ApplyArguments, MadeVersion),
    TaskKind.CURATE: (CurateArguments, MadeVersion),
    TaskKind.ADD: (AddArguments, MadeVersion),
    **dict.fromkeys(
        (TaskKind.CLASS, TaskKind.MERGE, TaskKind.MOVE, TaskKind.REMOVE, TaskKind.PHOTOS), (EditArguments, MadeVersion)
    ),
    **dict.fromkeys((TaskKind.BUILD, TaskKind.IMPORT), (NewBankArguments, MadeVersion)),
}


class TaskProgress(Document):
    stage: str
    done: int
    total: int


class TaskError(Document):
    """The code and the values of an error's sentence."""

    code: str
    detail: Any


class Request(Document):
    """The file of what was asked; `arguments` are those of the kind."""

    kind: TaskKind
    arguments: Any
    #: Seconds since the epoch.
    started: float
    #: Who asked, where that is known.
    by: str | None = None


class Outcome(Document):
    """The file of what came of it; `result` is that of the kind."""

    state: TaskState
    result: Any = None
    error: TaskError | None = None


@dataclass(frozen=True)
class Task:
    id: str
    kind: TaskKind
    arguments: Arguments
    #: Seconds since the epoch.
    started: float
    state: TaskState = TaskState.RUNNING
    #: While it runs and has told.
    progress: TaskProgress | None = None
    #: Once `done`.
    result: Result | None = None
    #: Once `failed`.
    error: TaskError | None = None
    #: Who asked, where that is known.
    by: str | None = None
