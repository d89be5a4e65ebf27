"""One site for all tests of docker-compose.yml; without a Docker engine they are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compose.site import BUILD_SECONDS, Site, command, prepared

#: Seconds for one test with its fixtures: images are built in it.
_TEST_SECONDS = 3 * 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "compose" in item.path.parts:
            item.add_marker(pytest.mark.timeout(_TEST_SECONDS))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    compose = command()
    if compose is None:
        pytest.skip("no Docker engine answers here")
    made = prepared(tmp_path_factory.mktemp("compose") / "weft", compose)
    try:
        with made.timed("build, from nothing"):
            made.run("build", timeout=BUILD_SECONDS)
        with made.timed("up, to two warm workers"):
            made.up(2)
            made.await_workers(2)
        yield made
    finally:
        made.remove()
