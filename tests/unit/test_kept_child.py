"""A child that is kept for requests ends, with its pipes, together with the one that asks it."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
import warnings

from PIL import Image

from shared.photos.viewing import Viewer


def test_who_is_gone_leaves_no_child_and_no_open_pipe() -> None:
    photo = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(photo, "TIFF")
    viewer = Viewer()
    assert viewer.picture(photo.getvalue()).data
    child = viewer._child._child
    assert child is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del viewer
        gc.collect()
        assert child.wait(60) != 0
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdin.closed
        assert child.stdout.closed


def test_a_program_that_closes_nothing_ends_all_the_same() -> None:
    program = (
        "import io\n"
        "from PIL import Image\n"
        "from shared.photos.viewing import Viewer\n"
        "photo = io.BytesIO()\n"
        "Image.new('RGB', (40, 30), 'navy').save(photo, 'TIFF')\n"
        "viewer = Viewer()\n"
        "print(len(viewer.picture(photo.getvalue()).data))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=240, check=True)
    assert int(ended.stdout) > 0
