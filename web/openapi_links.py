"""Links of the OpenAPI document: where what an answer names is to be had, so that calls can be made in chains."""

from __future__ import annotations

import re
from typing import Any

_PLACE = re.compile(r"{(\w+)}")
_BODY, _PATH = "$response.body#/", "$request.path."

#: By the call that answers: parameters of other calls' addresses, and where its answer or its own address has them.
LINKS: dict[tuple[str, str], dict[str, str]] = {
    ("post", "/api/v1/jobs"): {"job_id": _BODY + "id"},
    ("post", "/api/v1/jobs/folder"): {"job_id": _BODY + "id"},
    ("post", "/api/v1/jobs/{job_id}/rerun"): {"job_id": _PATH + "job_id", "other": _BODY + "id"},
    ("post", "/api/v1/uploads"): {"upload": _BODY + "id"},
    ("post", "/api/v1/uploads/{upload}/finish"): {"job_id": _BODY + "id"},
    ("get", "/api/v1/jobs"): {"job_id": _BODY + "jobs/0/id"},
    ("get", "/api/v1/jobs/{job_id}/items"): {
        "job_id": _PATH + "job_id",
        "item": _BODY + "items/0/index",
        "sha256": _BODY + "items/0/sha256",
    },
    ("post", "/api/v1/jobs/{job_id}/reviews"): {"job_id": _PATH + "job_id", "act": _BODY + "act"},
    ("get", "/api/v1/banks"): {"bank": _BODY + "banks/0/id"},
    ("post", "/api/v1/banks"): {"bank": _BODY + "id"},
    ("get", "/api/v1/collections"): {"collection": _BODY + "collections/0/id"},
    ("post", "/api/v1/collections"): {"collection": _BODY + "id"},
    ("post", "/api/v1/collections/{collection}/runs"): {"collection": _PATH + "collection", "run_id": _BODY + "id"},
    ("get", "/api/v1/bank"): {"label": _BODY + "classes/0/label"},
    ("get", "/api/v1/bank/versions"): {"version": _BODY + "versions/0/version"},
    ("post", "/api/v1/bank/tasks"): {"task_id": _BODY + "id"},
    ("post", "/api/v1/keys"): {"name": _BODY + "name"},
}


def with_links(spec: dict[str, Any]) -> dict[str, Any]:
    """The document with the links of `LINKS`, each to all calls whose address its parameters fill in."""
    paths = spec["paths"]
    for (method, path), known in LINKS.items():
        answers = paths[path][method]["responses"]
        answer = next(answers[status] for status in sorted(answers) if status.startswith("2"))
        new = {name for name, place in known.items() if place.startswith(_BODY)}
        for target, operations in paths.items():
            needed = set(_PLACE.findall(target))
            if not needed <= set(known) or not needed & new:
                continue
            for verb in sorted({"get", "post", "put", "patch", "delete"} & set(operations)):
                name = re.sub(r"\W+", "_", f"{verb} {target.removeprefix('/api/v1')}").strip("_")
                reference = target.replace("~", "~0").replace("/", "~1")
                answer.setdefault("links", {})[name] = {
                    "operationRef": f"#/paths/{reference}/{verb}",
                    "parameters": {one: known[one] for one in sorted(needed)},
                }
    return spec
