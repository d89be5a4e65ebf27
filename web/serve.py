"""The web server: gunicorn with threads, in one worker process, started from Python."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from gunicorn.app.base import BaseApplication

from shared.core.settings import Settings

#: A waiting `classify` holds one, an upload holds one.
THREADS = 16


class _Server(BaseApplication):  # gunicorn ships no types
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            # A browser opens six connections and keeps them; each holds no thread while it idles.
            "keepalive": 30,
            "timeout": 120,
            "graceful_timeout": 15,
            # Heartbeats go to a file, and a slow disk would pass for a hung worker.
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
            "control_socket_disable": True,
            "loglevel": self._settings.log_level.lower(),
            "accesslog": None,
            "proc_name": "weft-web",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from web import uploads
        from web.app import create_app
        from web.context import Services

        uploads.sweep(Services(self._settings).spool_dir())
        return create_app(self._settings)


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then lets running requests finish (15 s)."""
    # gunicorn ends a process that does not serve within `timeout`: the slow imports come before it counts.
    import_module("web.app")
    _Server(settings).run()
