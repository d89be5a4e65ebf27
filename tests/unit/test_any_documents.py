"""Whatever a JSON file that Weft reads holds (bank, names, keys): what it means, or one of our errors. Nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.access.keys import Keys
from shared.access.scopes import Scope, granted
from shared.bank.manifest import MANIFEST, canonical, read_manifest
from shared.bank.store import BankStore
from shared.core import names
from shared.core.errors import BankError, InvalidRequest, Unavailable, WeftError
from shared.core.settings import Settings
from shared.curation.folder import read_aliases, read_labels, read_names
from tests.banks import by_label, clustered, make_bank
from tests.outside_bytes import bounded, damaged, is_ours, json_values, same_examples

#: Deeper than Python's parser goes.
DEEP = b"[" * 100_000
DEEPLY = st.builds(bytes.__mul__, st.just(b"["), st.just(100_000))
DOCUMENTS = st.one_of(
    st.binary(max_size=60),
    json_values.map(lambda value: json.dumps(value).encode()),
    damaged(json_values.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))),
)


def written(path: Path, data: bytes) -> Path:
    # A new file each time: readers remember one by its number and time.
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


# names beside a bank's class folders

LABELS = st.dictionaries(
    st.sampled_from(["denim", "ＤＥＮＩＭ", "", "../x", "\ud800", "a\u2028b"]),
    st.one_of(
        st.text(max_size=5),
        json_values,
        st.fixed_dictionaries({}, optional=dict.fromkeys(("zh", "en", "notes"), json_values)),
    ),
    max_size=4,
)


@same_examples
@given(labels=DOCUMENTS | LABELS.map(lambda value: json.dumps(value).encode()), aliases=DOCUMENTS)
@example(labels=DEEP, aliases=b"{}")
@example(labels=b"{}", aliases=DEEP)
def test_labels_and_aliases(tmp_path: Path, labels: bytes, aliases: bytes) -> None:
    for reader, data in ((read_labels, labels), (read_aliases, aliases)):
        try:
            reader(written(tmp_path / "any.json", data))
        except InvalidRequest as refusal:
            is_ours(refusal)
    written(tmp_path / "labels.json", labels)
    written(tmp_path / "aliases.json", aliases)
    with bounded():
        try:
            found = read_names(tmp_path)
        except InvalidRequest as refusal:
            is_ours(refusal)
            return
    for label in (*found.labels, *found.aliases, "denim"):
        # As a manifest keeps it.
        json.dumps(found.of(label).to_json(), ensure_ascii=False).encode()


@same_examples
@given(st.text(st.characters(), max_size=400))
def test_class_labels(text: str) -> None:
    try:
        found = names.label(text)
    except InvalidRequest as refusal:
        is_ours(refusal)
        return
    assert names.label(found) == found
    assert 0 < len(found) <= names.MAX_LABEL
    found.encode()


# a bank's version


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("any") / "data", engine="null")
    return settings, make_bank(settings, by_label(clustered(3, 5)))


def sealed(document: Any) -> bytes:
    """With the digest that belongs to it: as somebody who forges one would write it."""
    if isinstance(document, dict):
        unsigned = {key: value for key, value in document.items() if key != "digest"}
        document = unsigned | {"digest": hashlib.sha256(canonical(unsigned)).hexdigest()}
    return json.dumps(document).encode()


def with_other_values(document: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """The manifest with some of its fields, at two levels, being anything."""
    outer = st.dictionaries(st.sampled_from(sorted(document)), json_values, max_size=3)
    inner_of = [key for key, value in document.items() if isinstance(value, dict)]
    inner = st.tuples(st.sampled_from(inner_of), st.text(max_size=3), json_values)

    def made(values: tuple[dict[str, Any], tuple[str, str, Any], bool]) -> bytes:
        changed, (key, name, value), deep = values
        found = {**document, **changed}
        if deep:
            found[key] = {**document[key], (name or next(iter(document[key]), "")): value}
        try:
            return sealed(found)
        except (ValueError, UnicodeEncodeError):
            return json.dumps(found).encode()

    return st.tuples(outer, inner, st.booleans()).map(made)


@same_examples
@given(data=st.data())
def test_manifests(bank: tuple[Settings, str], tmp_path: Path, data: st.DataObject) -> None:
    settings, version = bank
    whole = (settings.data_dir / "banks" / version / MANIFEST).read_bytes()
    drawn = data.draw(DOCUMENTS | damaged(st.just(whole)) | with_other_values(json.loads(whole)) | DEEPLY)
    folder = tmp_path / version
    folder.mkdir(exist_ok=True)
    written(folder / MANIFEST, drawn)
    with bounded():
        try:
            found = read_manifest(folder)
        except BankError as refusal:
            is_ours(refusal)
            return
    assert all(isinstance(entry.label, str) for entry in found.ranked_classes)


@same_examples
@given(data=DOCUMENTS.map(lambda line: line + b"\n") | DEEPLY, digest=st.booleans())
def test_samples(bank: tuple[Settings, str], data: bytes, digest: bool) -> None:
    """`samples.jsonl` of a version whose manifest is right, or was made to fit."""
    settings, version = bank
    path = settings.data_dir / "banks" / version / "samples.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + data if digest else data)
    try:
        for act in (BankStore(settings).samples, BankStore(settings).publish, BankStore(settings).load):
            try:
                act(version)
            except BankError as refusal:
                is_ours(refusal)
    finally:
        path.write_bytes(whole)
    BankStore(settings).load(version)


# keys

GOOD = {"created": 1.0, "sha256": hashlib.sha256(b"k").hexdigest(), "scopes": ["read"]}
ROWS = st.dictionaries(
    st.text(max_size=4),
    st.dictionaries(st.sampled_from([*GOOD, "expires", "by"]), json_values, max_size=5).map(lambda row: GOOD | row)
    | json_values,
    max_size=3,
)


@same_examples
@given(data=DOCUMENTS | ROWS.map(lambda rows: json.dumps(rows).encode()), key=st.text(st.characters(), max_size=20))
@example(data=DEEP, key="k")
def test_a_keys_file(tmp_path: Path, data: bytes, key: str) -> None:
    keys = Keys(written(tmp_path / "keys.json", data))
    assert keys.required()
    with bounded():
        try:
            holder = keys.find(key)
            rows = keys.rows()
        except Unavailable as closed:
            is_ours(closed)
            return
    # A key opens only by its digest.
    known = {row.sha256 for row in rows.values()}
    assert holder is None or hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest() in known
    for name, row in rows.items():
        assert keys.still(name, "") is None
        assert row.granted <= frozenset(Scope)


@same_examples
@given(
    name=st.text(st.characters(), max_size=120),
    scopes=st.lists(st.sampled_from([*Scope, "", " read ", "root"]) | st.text(max_size=4), max_size=3),
    expires=st.none() | st.floats(),
)
def test_new_keys(tmp_path: Path, name: str, scopes: list[str], expires: float | None) -> None:
    written(tmp_path / "keys.json", b"{}")
    keys = Keys(tmp_path / "keys.json")
    try:
        key = keys.add(name, scopes, expires)
    except WeftError as refusal:
        is_ours(refusal)
        assert keys.rows() == {}
        return
    found = keys.find(key)
    assert found is not None
    assert found.scopes == granted(scopes)
