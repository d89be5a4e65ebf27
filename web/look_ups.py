"""A photo that people bring, or a part that they cut out of one, becomes a job of one photo like those of `classify`.

The worker gives it its embedding, so that the web process needs no model; what looks like it is found by that job.
"""

from __future__ import annotations

import time

from shared.core.errors import InvalidRequest, NotFound, PhotoError
from shared.jobs.intake.sources import Uploaded
from shared.jobs.intake.spool import SpooledFile
from shared.jobs.intake.submission import Wish
from shared.jobs.model import Job
from shared.photos.box import Box
from web.access.visitor import owner
from web.api.items import projected
from web.api.photos import photo_bytes
from web.context import services
from web.submissions import awaited, given_fields, made, request_key, submit_photo
from web.uploads import uploaded

#: Names one photo: of a job, or of a bank version.
_ITEM, _SAMPLE = ("job", "item"), ("bank", "sample")


def submit_look_up() -> Job:
    """The job of what the form at hand names: `file`, with or without `box`; or the part `box` of `job` and `item`, or
    of `bank` and `sample`.

    Raises InvalidRequest, NotFound, PhotoError, and as `Intake.classify`.
    """
    sent, form = uploaded("file")[:1], given_fields()
    box = Box.parsed(form["box"]) if "box" in form else None
    if sent and box is None:
        return submit_photo()
    if box is None:
        raise InvalidRequest(reason="file or box is missing")
    if sent:
        name, data, bank = sent[0].name, sent[0].path.read_bytes(), form.get("bank")
    elif all(field in form for field in _ITEM):
        name, data, bank = _of_job(form["job"], form["item"])
    elif all(field in form for field in _SAMPLE):
        name, data, bank = _of_bank(form["bank"], form["sample"])
    else:
        raise InvalidRequest(reason="file, job and item, or bank and sample are needed")
    at = services()
    intake = at.intake()
    told = f"{name} ({box.told()})"
    part = SpooledFile(at.spool_dir(), at.settings.max_photo_bytes)
    try:
        part.fill([at.viewer.part(data, box).data])
        wish = Wish(name=told, owner=owner(), bank=bank)
        return made(intake.classify([Uploaded(told, part, "image/jpeg")], wish, request_key(), one=True))
    finally:
        part.close()


def _of_job(job_id: str, item: str) -> tuple[str, bytes, str]:
    if not (item.isascii() and item.isdigit() and len(item) < 11):
        raise InvalidRequest(reason="item")
    at = services()
    job = at.ledger.find(job_id)
    with projected(job_id) as projection:
        found = projection.item(int(item))
    if found["sha256"] is None:
        raise NotFound(what=f"photo of item {item}")
    return found["name"].rpartition("/")[2], photo_bytes(at, job, found), job.bank


def _of_bank(version: str, sample: str) -> tuple[str, bytes, str]:
    jpeg = services().banks.sample_picture(version, sample, large=True)
    if jpeg is None:
        raise NotFound(what=f"picture of sample {sample}")
    return sample, jpeg, version


def looked_up(job: Job, seconds: float) -> bool:
    """Whether the job's photo has its embedding, for which this waits so long. Raises PhotoError where it failed."""
    found = awaited(job.id, time.monotonic() + seconds)
    if found is not None and found.error_code:
        raise PhotoError(found.error_code, **found.error_detail)
    return found is not None
