"""Converted models in the object store: one machine converts, the others fetch what it made.

One object a model, `models/<key>.tar`: stores write an object whole or not at all, so that nobody fetches half of one,
or halves of two. What a machine measured of itself (`tuning.json`) stays there, and so does the quantised tower.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from shared.core.errors import WeftError
from shared.encoder import identity
from shared.encoder.choice import choose
from shared.encoder.spec import locate_weights
from shared.encoder.store import FORMAT, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.encoder.spec import Part
    from shared.encoder.store import Manifest, ModelStore

_FILES = ("model.xml", "model.bin")
_MANIFEST = "manifest.json"


def fetch(store: ModelStore, part: Part, say: Callable[[str], None]) -> bool:
    """Brings the part's converted model from the object store into this machine's; False where there is none to use.

    A store that does not answer costs a conversion here, never the start of a worker. Raises OSError where this machine
    cannot write it.
    """
    key = _key(store, part)
    if key is None or store.open_shared is None:
        return False
    with store.locked():
        found = store.find(part)
        if found is not None and found.converted:
            return True
        staging = Path(tempfile.mkdtemp(prefix=".fetching-", dir=store.root))
        try:
            packed, folder = staging / "model.tar", staging / "model"
            if not store.open_shared().fetch(key, packed):
                return False
            with tarfile.open(packed) as archive:
                archive.extractall(folder, filter="data")
            manifest = read(folder)
            if manifest is None or not _is_whole(folder, manifest) or not store.is_of(manifest, part):
                say(f"{part.name}: what the object store has under {key} is not this model")
                return False
            final = store.folder(manifest.identity)
            shutil.rmtree(final, ignore_errors=True)
            folder.chmod(0o755)
            folder.rename(final)
        except (WeftError, tarfile.TarError) as error:
            say(f"{part.name}: not fetched from the object store: {error}")
            return False
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    say(f"{part.name}: fetched from the object store")
    return True


def share(store: ModelStore, part: Part, manifest: Manifest, say: Callable[[str], None]) -> None:
    """Offers a model that was converted here to the other machines. One that cannot be offered is used here all the
    same."""
    key = _key(store, part)
    if key is None or store.open_shared is None:
        return
    folder = store.folder(manifest.identity)
    try:
        with tempfile.TemporaryDirectory(prefix=".sharing-", dir=store.root) as staging:
            packed = Path(staging) / "model.tar"
            with tarfile.open(packed, "w") as archive:
                told = replace(manifest, int8=None).to_json().encode()
                entry = tarfile.TarInfo(_MANIFEST)
                entry.size = len(told)
                archive.addfile(entry, io.BytesIO(told))
                for name in _FILES:
                    archive.add(folder / name, name)
            store.open_shared().share(packed, key)
    except (WeftError, OSError) as error:
        say(f"{part.name}: not offered to other machines: {error}")


def _key(store: ModelStore, part: Part) -> str | None:
    """Where the part's model lies, from what is known without loading it; None where too little is known.

    Of the file's content where the weights are here, else of their tag. Of OpenVINO's version, too: an earlier one may
    not read what a later one wrote.
    """
    path = locate_weights(part, store.weights_dir)
    if path is None and part.tag is None:
        return None
    choice = choose(part, path)
    weights = store.weights_sha256(path) if path else part.tag
    prepared = [choice.preprocess.to_json(), choice.quick_gelu] if choice else None
    try:
        reader = version("openvino")
    except PackageNotFoundError:
        return None
    return f"models/{identity.digest(FORMAT, part.architecture, weights, prepared, reader)}.tar"


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    files = [folder / name for name in _FILES]
    return all(file.is_file() for file in files) and sum(file.stat().st_size for file in files) == manifest.size
