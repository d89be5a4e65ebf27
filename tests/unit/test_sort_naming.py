"""Name templates of `weft sort`: no field and no template leads out of the tree."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.cli.commands.sort import _folders
from shared.core.errors import InvalidRequest
from shared.jobs.sorting.naming import APART, Template, numbered
from shared.jobs.sorting.sidecars import sidecar, sidecar_name


def row(**values: Any) -> Any:
    plain = {"index": 7, "name": "roll/a.jpg", "final_label": "denim", "confidence": 0.914, "review": "todo"}
    return {**plain, "verdict": "label", "status": "ok", **values}


@pytest.mark.parametrize(
    ("template", "values", "place"),
    [
        ("{class}/{name}", {}, "denim/a.jpg"),
        ("{class}/{stem}-{index:06d}{ext}", {}, "denim/a-000007.jpg"),
        ("{class}/{folder}/{confidence:03d} {name}", {}, "denim/roll/091 a.jpg"),
        ("{verdict}/{label}/{name}", {"final_label": None, "verdict": "unsure"}, "unsure/_unsure/a.jpg"),
        ("{class}/{name}", {"final_label": None, "verdict": "not_in_bank"}, "_not-in-bank/a.jpg"),
        ("{class}/{name}", {"final_label": None, "review": "rejected"}, "_not-a-fabric/a.jpg"),
        ("{class}/{name}", {"final_label": None, "verdict": None, "status": "failed"}, "_failed/a.jpg"),
        ("{class}/{name}", {"final_label": "../../etc"}, "_.._etc/a.jpg"),
        ("{class}/{name}", {"final_label": ".."}, "_/a.jpg"),
        ("{class}/{name}", {"name": "..\\..\\boot.ini"}, "denim/boot.ini"),
        ("{class}/{name}", {"name": "x/.."}, "denim/_"),
        ("{class}/{name}", {"final_label": "a/b\\c\0:*"}, "a_b_c_"),
        ("{stem}{ext}", {"name": "布料/" + "长" * 200 + ".jpeg"}, "长" * 75 + ".jpeg"),
    ],
)
def test_where_photos_go(template: str, values: dict[str, Any], place: str) -> None:
    found = Template(template).place(row(**values))
    assert found == place or found.startswith(place)
    assert not any(part in ("", ".", "..") for part in found.split("/"))
    assert all(len(part.encode()) <= 240 for part in found.split("/"))


@pytest.mark.parametrize(
    "template",
    ["../{name}", "/{name}", "{class}/../{name}", "{class}//{name}", "a\\{name}", "{class}", "{name.__class__}",
     "{name!r}", "{name:>9}", "{index:9999999d}", "{0}", "{}", "{owner}/{name}", "{name", ""],
)  # fmt: skip
def test_other_templates_are_refused(template: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Template(template)
    assert refused.value.code == "bad_template"


def test_folders_can_have_other_names() -> None:
    assert Template(classes={"denim": "牛仔布"}).place(row()) == "牛仔布/a.jpg"
    others = dict.fromkeys(APART, "其他")
    assert Template(others=others).place(row(final_label=None, verdict="unsure")) == "其他/a.jpg"
    assert numbered("牛仔布/a.jpg", 7) == "牛仔布/a (7).jpg"


def test_sidecars_are_named_as_their_readers_want() -> None:
    assert (sidecar_name("d/a.jpg"), sidecar_name("d/a.CR3")) == ("d/a.jpg.xmp", "d/a.xmp")
    text = sidecar(["denim", "牛仔布", "", "denim", "a<b&c"]).decode()
    assert text.count("<rdf:li>") == 3
    assert "<rdf:li>a&lt;b&amp;c</rdf:li>" in text


def test_two_classes_of_one_name_stay_apart() -> None:
    names = {"denim": ("牛仔布", "Denim"), "denim-2": ("牛仔布", ""), "silk": ("", "Silk")}
    assert _folders(names, "zh") == {"denim": "牛仔布 (denim)", "denim-2": "牛仔布 (denim-2)", "silk": "silk"}
    assert _folders(names, "en") == {"denim": "Denim", "denim-2": "denim-2", "silk": "Silk"}
    assert _folders(names, "label") == {}
