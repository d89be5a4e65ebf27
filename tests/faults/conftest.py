"""One product for all faults that a healthy product survives; each test leaves it healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.faults.record import Record
from tests.faults.site import RUNS, Site, running_site

_record = Record()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults/" in str(item.path) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120 + 90 * RUNS))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _record.rows():
        _record.write()
        terminalreporter.section("faults")
        for line in _record.table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """Two warm workers and an idle queue."""
    shared_site.await_workers()
    yield shared_site
    shared_site.end_extra()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[float], None]:
    """Notes the seconds of one run under the test's name."""
    name = request.node.originalname.removeprefix("test_").replace("_", " ")
    if parameters := getattr(request.node, "callspec", None):
        name += f" ({', '.join(map(str, parameters.params.values()))})"
    return lambda seconds: _record.add(name, seconds)
