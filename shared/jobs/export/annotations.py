"""Results as other programs of the trade read them: COCO, FiftyOne and Label Studio, each one JSON document.

All name a photo by its path in the job, and hold the class that counts: a person's, or else the predicted one of a
definite result. Written piece by piece; nothing but the classes and the half of COCO that follows is held back.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from posixpath import splitext
from typing import Any
from urllib.parse import quote

from shared.jobs.export.columns import about
from shared.jobs.export.pieces import pieces
from shared.jobs.export.source import Source
from shared.jobs.reviews import ReviewState
from shared.jobs.shown import ShownItem

_JSON = json.JSONEncoder(ensure_ascii=False)


def as_coco(source: Source) -> Iterator[bytes]:
    """COCO (cocodataset.org, object detection): a fabric fills its photo, so each box is the whole picture.

    `score` is the confidence; `attributes.reviewed` says whether a person gave the class. A photo of unknown size has
    a box of no size; one without a class has no annotation.
    """
    job = source.job
    said = about(job, source.facts)
    info = {
        "description": job.name,
        "version": said["weft_version"],
        "date_created": said["job_finished"],
        "weft": said,
    }
    yield _bytes(f'{{"info": {_JSON.encode(info)},\n"licenses": [],\n"images": [')
    categories: dict[str, int] = {}
    with tempfile.TemporaryFile() as annotations:
        written = 0
        for number, row in enumerate(source.rows):
            size: Any = row.get("size")
            width, height = size or (0, 0)
            image = {"id": row["index"], "file_name": row["name"], "width": width, "height": height}
            yield _bytes(f"{',' if number else ''}\n{_JSON.encode(image)}")
            label = row["final_label"]
            if label is None:
                continue
            annotation = {
                "id": row["index"],
                "image_id": row["index"],
                "category_id": categories.setdefault(label, len(categories) + 1),
                "bbox": [0, 0, width, height],
                "area": width * height,
                "iscrowd": 0,
                "score": row["confidence"],
                "attributes": {"reviewed": row["review"] != ReviewState.TODO},
            }
            annotations.write(_bytes(f"{',' if written else ''}\n{_JSON.encode(annotation)}"))
            written += 1
        yield b'],\n"annotations": ['
        yield from pieces(annotations)
    found = []
    for label, number in categories.items():
        zh, en = source.facts.names.get(label, ("", ""))
        found.append({"id": number, "name": label, "supercategory": "fabric", "name_zh": zh, "name_en": en})
    yield _bytes(f'],\n"categories": {_JSON.encode(found)}}}\n')


def as_fiftyone(source: Source) -> Iterator[bytes]:
    """`labels.json` of a FiftyOneImageClassificationDataset, with the photos' folder as its `data_path`.

    A photo is named by its path without the ending, as FiftyOne does; of two that differ in it alone, the later one
    counts there.
    """
    yield b'{"labels": {'
    for number, row in enumerate(source.rows):
        target = None
        if row["final_label"] is not None:
            attributes = {"verdict": row["verdict"], "review": row["review"], "prediction": row["label"]}
            target = {"label": row["final_label"], "confidence": row["confidence"], "attributes": attributes}
        name = _JSON.encode(splitext(row["name"])[0])
        yield _bytes(f"{',' if number else ''}\n{name}: {_JSON.encode(target)}")
    yield b"}}\n"


def as_label_studio(source: Source) -> Iterator[bytes]:
    """Tasks of Label Studio, for a labelling form of `<Image name="image" value="$image"/>` and `<Choices name="class"
    toName="image">`: what Weft says as a prediction, what people said as an annotation.

    `image` is the photo's address where WEFT_PUBLIC_URL is set, else its path in Label Studio's local storage.
    """
    model = " ".join(filter(None, (source.job.answered_by, source.job.bank)))
    yield b"["
    for number, row in enumerate(source.rows):
        predicted = {
            "model_version": model,
            "score": row["confidence"],
            "result": [_choice(row["label"])] if row["label"] else [],
        }
        data = {"image": _address(source, row), "name": row["name"], "index": row["index"], "job": source.job.id}
        data |= {"verdict": row["verdict"]}
        task: dict[str, Any] = {"data": data, "predictions": [predicted] if row["label"] else []}
        if row["review"] != ReviewState.TODO:
            label = row["final_label"]
            task["annotations"] = [{"result": [_choice(label)] if label else [], "was_cancelled": label is None}]
        yield _bytes(f"{',' if number else ''}\n{_JSON.encode(task)}")
    yield b"\n]\n"


def _choice(label: str | None) -> dict[str, Any]:
    return {"from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": [label]}}


def _address(source: Source, row: ShownItem) -> str:
    if source.public_url:
        return f"{source.public_url}/api/v1/jobs/{source.job.id}/items/{row['index']}/photo"
    return f"/data/local-files/?d={quote(row['name'])}"


def _bytes(text: str) -> bytes:
    return text.encode()
