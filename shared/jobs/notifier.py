"""The only Celery code in `shared`. A message only means "there may be a chunk to claim"."""

from __future__ import annotations

from celery import Celery
from kombu.exceptions import OperationalError

from shared.core.errors import Unavailable
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.model import Lane

TASK = "weft.work"
#: Seconds that a pool's new child may take to report to its parent (Celery's own limit of 4 s kills the
#: children of a busy machine one after another); `weft up` has its own start timeout.
CHILD_START_SECONDS = 600.0
#: kombu's names for the lanes' queues in the broker's Redis.
KEY_PREFIX = "mq:"


def make_celery(settings: Settings) -> Celery:
    """The Celery application, configured for reliable delivery on Redis (docs/reliability.md)."""
    app = Celery("weft", broker=addresses(settings).broker)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_proc_alive_timeout=CHILD_START_SECONDS,
        accept_content=["json"],
        task_serializer="json",
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        task_create_missing_queues=True,
        broker_transport_options={
            "visibility_timeout": 180,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 30,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "queue_order_strategy": "priority",
            "global_keyprefix": KEY_PREFIX,
            **addresses(settings).broker_options,
        },
    )
    return app


class WorkerNotifier:
    """Wakes workers. A lost message is harmless: the dispatcher notifies again while chunks are ready."""

    def __init__(self, settings: Settings) -> None:
        self._app = make_celery(settings)

    def notify(self, lane: Lane, times: int = 1) -> None:
        """Raises: Unavailable if the broker does not respond."""
        try:
            for _ in range(times):
                self._app.send_task(TASK, queue=lane.value, retry=False)
        except (OperationalError, OSError) as error:
            raise Unavailable("redis_unavailable") from error
