"""One site for the tests of a run; each leaves both workers running, with the share mounted and the network whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hosts.site import Site, running_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without workers; `machines` starts them."""
    with running_site(tmp_path_factory.mktemp("hosts")) as made:
        yield made


@pytest.fixture
def machines(site: Site) -> Site:
    """With both workers warm."""
    site.start_workers(*(host for host in (site.one, site.two) if not host.running))
    return site
