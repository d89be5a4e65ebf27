"""The card that a swatch was cut out of, with the boxes of all its swatches."""

from __future__ import annotations

from flask import abort, render_template

from web.api.items import projected
from web.context import services
from web.i18n import language
from web.pages import bp, class_names


@bp.get("/jobs/<job_id>/items/<int(max=4294967295):index>/card")
def swatch_card(job_id: str, index: int) -> str:
    """404 for a photo that is no swatch."""
    job = services().ledger.find(job_id)
    with projected(job.id) as projection:
        swatches = projection.of_card(index, language())
    if not swatches:
        abort(404)
    here = next(one for one in swatches if one["index"] == index)
    return render_template("swatch_card.html", job=job, here=here, swatches=swatches, names=class_names(job.bank))
