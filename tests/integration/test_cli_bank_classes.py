"""Classes and photos changed on the command line: each change joins the draft, which is undone and published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.cli import main as cli
from scripts.cli import output
from shared.bank.store import BankStore
from shared.core.settings import Settings
from tests.bank_api import built_bank
from tests.product import make_photos

Weft = Callable[..., Any]


@pytest.fixture
def weft(settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Weft:
    """Run a command in this process; its JSON answer."""
    monkeypatch.setenv("WEFT_ENGINE", "null")

    def run(*arguments: str, code: int = output.OK) -> Any:
        assert cli.run([*arguments, "--data-dir", str(settings.data_dir), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


def test_classes_and_photos(weft: Weft, settings: Settings, tmp_path: Path) -> None:
    store = built_bank(settings, tmp_path / "bank")
    first = store.current()
    assert weft("bank", "draft") == {"version": None, "versions": []}
    weft("bank", "class", "new", "--en", "Corduroy", "--zh", "灯芯绒", "--alias", "cord", "--notes", "wide wale")
    photos = sorted(make_photos(tmp_path / "more", 4, 3).glob("stripe-3/*.jpg"))
    added = weft("bank", "add-photos", "cord", *map(str, photos))
    assert (added["counts"]["classes"], added["counts"]["samples"], added["skipped"]) == (4, 15, [])
    weft("bank", "class", "rename", "stripe-0", "--zh", "条纹布")
    sample = next(row.id for row in store.samples(added["version"]) if row.label == "corduroy")
    weft("bank", "class", "move", sample, "--to", "条纹布")
    weft("bank", "class", "merge", "stripe-1", "stripe-0")
    removed = weft("bank", "class", "remove", "stripe-2")
    refused = weft("bank", "class", "remove", "stripe-2", code=output.FAILED)
    assert "not_found" in json.dumps(refused)
    draft = weft("bank", "draft")
    assert (draft["version"], len(draft["versions"])) == (removed["version"], 6)
    assert BankStore(settings).current() == first

    manifest = store.manifest(removed["version"])
    found = {entry.label: entry for entry in manifest.classes}
    assert {label: entry.count for label, entry in found.items()} == {"corduroy": 2, "stripe-0": 9}
    assert (found["corduroy"].notes, found["stripe-0"].zh) == ("wide wale", "条纹布")
    assert [entry.label for entry in manifest.removed_classes] == ["stripe-2"]
    back = weft("bank", "draft", "--undo")["version"]
    assert back == draft["versions"][-2]
    weft("bank", "publish", back)
    assert weft("bank", "draft")["version"] is None
    assert BankStore(settings).current() == back
