"""One product for all faults that a healthy product survives; each test leaves it healthy."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.faults import record as recording
from tests.faults.record import Record
from tests.faults.site import RUNS, Site, running_site

_records: list[Record] = []
_KEY = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults/" in str(item.path) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600 + 120 * RUNS))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _records:
        recording.write(_records)
        terminalreporter.section("faults")
        for line in recording.table(_records):
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_KEY] = report.failed
    return report


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


@pytest.fixture(scope="package")
def lonely_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("lonely"), workers=0) as site:
        yield site


@pytest.fixture
def lonely(lonely_site: Site) -> Iterator[Site]:
    """A product whose only workers are the test's own."""
    yield lonely_site
    lonely_site.end_extra()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    """What is measured of this fault, named after the file's number and the test."""
    number = request.path.stem.removeprefix("test_").split("_")[0]
    name = f"{number} " * number.isdigit() + request.node.originalname.removeprefix("test_").replace("_", " ")
    if hasattr(request.node, "callspec"):
        name += f" ({request.node.callspec.id})"
    measured = Record(name)
    _records.append(measured)
    yield measured
    measured.failed = request.node.stash.get(_KEY, True)
