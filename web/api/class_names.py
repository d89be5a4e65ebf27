"""All names of a bank's classes, for fields that complete what one types."""

from __future__ import annotations

from flask import Response, jsonify, request
from pydantic import BaseModel

from web import pinyin
from web.api.bank import bp
from web.bank_choice import bank_store
from web.bank_schemas import BankQuery

#: Classes of larger banks are found by their whole names only.
MOST = 5000


class NamedClass(BaseModel):
    label: str
    zh: str | None
    en: str | None
    #: Everything else that it is found by: aliases, and the Chinese names in pinyin and by their initials.
    also: list[str]


class NamedClasses(BaseModel):
    classes: list[NamedClass]


@bp.get("/bank/names")
@bp.input(BankQuery, location="query", arg_name="query")
@bp.output(NamedClasses)
def names(query: BankQuery) -> Response:
    """Names of the classes that a version of the bank ranks, at most 5,000."""
    manifest = bank_store().manifest(query.version)
    found = []
    for entry in manifest.ranked_classes[:MOST]:
        chinese = filter(None, (entry.zh, *entry.aliases, entry.label))
        also = [*entry.aliases, *(key for name in chinese for key in pinyin.typed(name))]
        found.append({"label": entry.label, "zh": entry.zh, "en": entry.en, "also": list(dict.fromkeys(also))})
    response = jsonify({"classes": found})
    response.set_etag(manifest.version)
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
