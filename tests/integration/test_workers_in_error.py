"""Pages do not say that a worker is loading its model where every worker reports an error."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.heartbeat import Heartbeat, WorkerState
from shared.jobs.ledger import Ledger
from tests.banks import by_label, clustered, make_bank
from web.app import create_app


@pytest.fixture
def client(settings: Settings, redis_pair: embedded.Pair) -> FlaskClient:
    make_bank(settings, {f"stripe-{n}": rows for n, rows in enumerate(by_label(clustered(4)).values())})
    return create_app(settings).test_client()


def beat(settings: Settings, name: str, state: WorkerState) -> None:
    Ledger.connect(settings).record_heartbeat(name, Heartbeat(id=name, host="h", state=state).to_json())


def readiness(client: FlaskClient, lang: str) -> str:
    told = {"HX-Request": "true", "HX-Target": "readiness"}
    return client.get(f"/?lang={lang}", headers=told).text


@pytest.mark.parametrize(
    ("lang", "error", "loading"),
    [("en", "Every worker reports an error", "loading its model"), ("zh", "所有识别服务都报错", "正在加载模型")],
)
def test_the_start_page(client: FlaskClient, settings: Settings, lang: str, error: str, loading: str) -> None:
    beat(settings, "w1", WorkerState.ERROR)
    text = readiness(client, lang)
    assert error in text
    assert loading not in text
    # One that still loads may be ready soon.
    beat(settings, "w2", WorkerState.LOADING)
    text = readiness(client, lang)
    assert error not in text
    assert loading in text
