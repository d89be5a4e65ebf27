"""The web server: uvicorn's event loop in front, Flask in threads behind it (docs/decisions/web-server.md)."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator

import uvicorn

from shared.core import measuring, tracing
from shared.core.errors import WeftError
from shared.core.logs import configure
from shared.core.process import freeze_heap
from shared.core.service_manager import ServiceManager
from shared.core.settings import Settings
from shared.jobs.intake.spool import sweep
from shared.jobs.ledger import measurements
from web.app import create_app
from web.context import Services
from web.server.connection import RESERVE, Config
from web.server.front import Front
from web.server.traced import traced

#: Seconds that an idle connection is kept, and that running requests have to end in at shutdown.
KEEPALIVE_SECONDS, GRACEFUL_SECONDS = 30, 15
#: Descriptors beside those of connections: an upload writes files, a page reads them.
OWN_DESCRIPTORS = 500
#: Seconds after which a thread that computes lets others run: the event loop is one of them, and answers probes.
SWITCH_SECONDS = 0.001


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._systemd = ServiceManager()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._systemd.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._systemd.stopping()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn's, but the process then ends with 0, as a service that was asked to stop."""
        for asked in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asked, self.handle_exit)
        yield


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then lets running requests finish (15 s)."""
    configure(settings, "web")
    sweep(Services(settings).spool_dir())
    _allow_descriptors(settings.max_connections + RESERVE + OWN_DESCRIPTORS)
    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings)
    if tracing.start("web"):
        app.wsgi_app = traced(app.wsgi_app)  # type: ignore[method-assign]
    front = Front(app)
    config = Config(
        front,
        app,
        host=settings.host,
        port=settings.port,
        lifespan="off",
        ws="none",
        interface="asgi3",
        log_config=None,
        access_log=False,
        # Whose headers count is said by WEFT_TRUSTED_PROXIES; uvicorn would believe this whole machine.
        proxy_headers=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=KEEPALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    measuring.started("web")
    threading.Thread(target=_count_up, args=(app.extensions["weft"],), name="measurements", daemon=True).start()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    freeze_heap()
    _Server(config).run()
    front.shut()
    if front.busy:
        # A thread cannot be ended, and Python would wait for it: what it was to answer has nobody left to read it.
        logging.shutdown()
        os._exit(0)


def _count_up(services: Services) -> None:
    """Adds what this process measures to the ledger's totals, as long as it runs."""
    while True:
        time.sleep(measurements.INTERVAL)
        try:
            measurements.flush(services.ledger.connection)
        except WeftError:
            # It is added once Redis is back.
            services.reconnect()


def _allow_descriptors(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
