"""What an act of review does or did, in words."""

from __future__ import annotations

from functools import reduce

from shared.bank.class_names import ClassNames
from shared.core.i18n import gettext as _
from shared.core.i18n import language, ngettext
from shared.jobs.reviews import ReviewAct, ReviewState, Skip
from web.labels import REVIEWS, number

#: Classes that are named one by one.
NAMED = 6


def review_sentence(act: ReviewAct, names: ClassNames) -> str:
    """“Confirmed: 41 × denim, 12 × poplin. 8 not in the bank stay to do.” For an act that was only asked for: “To be
    confirmed: …”."""
    sentences = [_done(act, names), *_skipped(act.skipped)]
    return reduce(lambda one, following: _("%(one)s %(next)s", one=one, next=following), sentences)


def _done(act: ReviewAct, names: ClassNames) -> str:
    count = number(act.photos)
    if act.label is not None:
        called = names.typed(act.label, language())
    elif act.state in REVIEWS:
        called = str(REVIEWS[act.state])
    else:
        called = _("Undone")
    if act.state is not ReviewState.CONFIRMED:
        return ngettext(
            "%(called)s: %(count)s photo", "%(called)s: %(count)s photos", act.photos, called=called, count=count
        )
    if not act.photos:
        return _("Nothing to confirm.")
    classes = _classes(act.classes, names)
    if act.act is None:
        return _("To be confirmed: %(classes)s.", classes=classes)
    return _("Confirmed: %(classes)s.", classes=classes)


def _classes(found: dict[str, int], names: ClassNames) -> str:
    counts = list(found.items())
    listed = [
        _("%(count)s × %(label)s", count=number(photos), label=names.typed(label, language()))
        for label, photos in counts[:NAMED]
    ]
    if rest := [photos for _label, photos in counts[NAMED:]]:
        photos = number(sum(rest))
        listed.append(
            ngettext("%(count)s in %(num)d more class", "%(count)s in %(num)d more classes", len(rest), count=photos)
        )
    return _(", ").join(listed)


def _skipped(skipped: dict[Skip, int]) -> list[str]:
    words = []
    if n := skipped.get(Skip.NOT_IN_BANK):
        words.append(
            ngettext(
                "%(count)s not in the bank stays to do.", "%(count)s not in the bank stay to do.", n, count=number(n)
            )
        )
    if n := skipped.get(Skip.REVIEWED):
        words.append(
            ngettext(
                "%(count)s was reviewed before and stays as it is.",
                "%(count)s were reviewed before and stay as they are.",
                n,
                count=number(n),
            )
        )
    if n := skipped.get(Skip.FAILED):
        words.append(
            ngettext("%(count)s failed and has no class.", "%(count)s failed and have no class.", n, count=number(n))
        )
    return words
