"""Redis servers of others: what is wrong with one is said with its address; TLS, users and Sentinel work."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import ResponseError

from shared.core.errors import Conflict, Unavailable
from shared.core.redis_client import SentinelUrl, address, client
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.jobs.ledger.server import examine, is_permanent, require
from shared.jobs.notifier import make_celery
from tests.ledger_harness import photos, spec
from tests.product import ROOT, WEFT, eventually, run_product
from tests.redis_servers import PASSWORD, USER, free_port, listening, server, tls_before, with_user

pytestmark = pytest.mark.slow

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl for a certificate")


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture(scope="module")
def guarded(stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Port of a server where only our user may do anything, durable and large enough."""
    lines = (*with_user(), "appendonly yes", "maxmemory 128mb", "maxmemory-policy noeviction")
    return stack.enter_context(server(tmp_path_factory.mktemp("guarded"), *lines))


@pytest.fixture(scope="module")
def tls(guarded: int, stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    return stack.enter_context(tls_before(guarded, tmp_path_factory.mktemp("tls")))


def at(tmp_path: Path, url: str) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "redis_url": url})


def login(port: int, scheme: str = "redis", more: str = "") -> str:
    return f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{port}/0{more}"


def told(tmp_path: Path, url: str) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        Ledger.connect(at(tmp_path, url), fail_fast=True)
    error = caught.value
    assert error.code == "redis_unavailable"
    assert error.detail["address"] == address(url)
    assert address(url) in str(error)
    assert PASSWORD not in str(error) + repr(error.detail)
    return error


def test_nothing_listens(tmp_path: Path) -> None:
    error = told(tmp_path, f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0")
    assert (error.detail["reason"], is_permanent(error)) == ("refused", False)
    assert told(tmp_path, f"unix://{tmp_path}/nobody.sock").detail["reason"] == "refused"


def test_an_unknown_name(tmp_path: Path) -> None:
    error = told(tmp_path, f"redis://:{PASSWORD}@no-such-host.invalid:6379/0")
    assert (error.detail["reason"], is_permanent(error)) == ("unknown_name", False)


@pytest.mark.parametrize("who", ["", f":{PASSWORD}@", f"{USER}:wr0ng@", f"nobody:{PASSWORD}@"])
def test_a_wrong_user_or_password(guarded: int, tmp_path: Path, who: str) -> None:
    error = told(tmp_path, f"redis://{who}127.0.0.1:{guarded}/0")
    assert (error.detail["reason"], is_permanent(error)) == ("denied", True)


def test_a_user_with_too_few_rights(guarded: int, tmp_path: Path) -> None:
    with client(login(guarded)) as admin:
        admin.execute_command("ACL", "SETUSER", "reader", "on", ">word", "~*", "+get")
    error = told(tmp_path, f"redis://reader:word@127.0.0.1:{guarded}/0")
    assert (error.detail["reason"], is_permanent(error)) == ("denied", True)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_a_server_of_another_kind(tmp_path: Path, answer: bytes) -> None:
    with listening(answer) as port:
        error = told(tmp_path, f"redis://:{PASSWORD}@127.0.0.1:{port}/0")
    assert (error.detail["reason"], is_permanent(error)) == ("not_redis", True)


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    with listening(None) as port:
        error = told(tmp_path, f"redis://:{PASSWORD}@127.0.0.1:{port}/0")
    assert (error.detail["reason"], is_permanent(error)) == ("timeout", False)


@needs_openssl
def test_tls_that_fails(guarded: int, tls: tuple[int, Path], tmp_path: Path) -> None:
    # A certificate that nobody vouches for.
    error = told(tmp_path, login(tls[0], "rediss"))
    assert (error.detail["reason"], is_permanent(error)) == ("tls", True)
    # TLS where there is none: such a server waits for the end of a line.
    assert told(tmp_path, login(guarded, "rediss")).detail["reason"] == "timeout"


def use(settings: Settings) -> None:
    """Ledger and broker do what they are for."""
    ledger = Ledger.connect(settings)
    job = ledger.submit(spec("tried for real"), photos(3))
    assert ledger.job(job.id).total == 3
    app: Celery = make_celery(settings)
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1)
        queue = broker.SimpleQueue("tried")
        queue.put("hello")
        assert queue.get(timeout=10).payload == "hello"
        queue.close()
    app.close()
    ledger.connection.redis.close()


def test_a_user_of_an_acl(guarded: int, tmp_path: Path) -> None:
    use(at(tmp_path, login(guarded)))


@needs_openssl
def test_tls(tls: tuple[int, Path], tmp_path: Path) -> None:
    port, trusted = tls
    use(at(tmp_path, login(port, "rediss", f"?ssl_ca_certs={trusted}")))


def test_sentinel_and_its_failover(tmp_path: Path) -> None:
    # Sentinel and replica log in as the default user.
    durable = (f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", "appendonly yes")
    with (
        server(tmp_path / "one", *durable) as one,
        server(tmp_path / "two", *durable, f"replicaof 127.0.0.1 {one}") as two,
    ):
        watched = (
            f"sentinel monitor main 127.0.0.1 {one} 1",
            f"sentinel auth-pass main {PASSWORD}",
            "sentinel down-after-milliseconds main 2000",
            "sentinel failover-timeout main 4000",
        )
        with server(tmp_path / "sentinel", *watched, sentinel=True) as port:
            url = f"redis+sentinel://:{PASSWORD}@127.0.0.1:{port}/main/0"
            settings = at(tmp_path, url)
            use(settings)
            before = Ledger.connect(settings)
            with client(f"redis://127.0.0.1:{port}") as sentinel:
                # It may know the replica and not yet find it good enough.
                eventually(lambda: _failover(sentinel), 60, "a replica to be promoted")
                eventually(
                    lambda: sentinel.sentinel_get_master_addr_by_name("main")[1] == two, 60, "the other one in charge"
                )
            eventually(lambda: _lists(before) == 1, 60, "the ledger's answer from the new primary")
            assert address(url) == f"127.0.0.1:{port} (Sentinel, main/0)"


def _failover(sentinel: Redis) -> bool:
    try:
        return bool(sentinel.execute_command("SENTINEL", "FAILOVER", "main"))
    except ResponseError:
        return False


def _lists(ledger: Ledger) -> int:
    try:
        return len(ledger.jobs())
    except Unavailable:
        return -1


@pytest.mark.parametrize("url", ["redis+sentinel://host:1", "redis+sentinel:///main"])
def test_a_sentinel_url_without_service_or_host(url: str) -> None:
    with pytest.raises(ValueError, match="SERVICE"):
        SentinelUrl.parse(url)


def test_several_sentinels_are_told_to_the_broker(tmp_path: Path) -> None:
    found = addresses(at(tmp_path, "redis+sentinel://u:p%40w@a:1,b/main/3"))
    assert found.broker == "sentinel://u:p%40w@a:1/3;sentinel://u:p%40w@b:26379/3"
    assert found.broker_options == {"master_name": "main"}
    assert SentinelUrl.parse(found.ledger).password == "p@w"


# what endangers the ledger


def test_a_server_that_may_drop_the_ledger_is_refused(tmp_path: Path) -> None:
    with server(tmp_path / "redis", "maxmemory 100mb", "maxmemory-policy allkeys-lru") as port:
        settings = at(tmp_path, f"redis://127.0.0.1:{port}/0")
        with pytest.raises(Conflict) as refused:
            require(settings)
        assert refused.value.code == "redis_evicts"
        assert is_permanent(refused.value)
        assert _starts(settings, "up")[0] == 1
        with client(f"redis://127.0.0.1:{port}/0") as admin:
            admin.config_set("maxmemory-policy", "volatile-lru")
            admin.config_set("maxmemory", "8mb")
            codes = [finding.code for finding in examine(admin)]
        # CONFIG is not needed for it.
        assert codes == ["redis_evicts_some", "redis_not_durable", "redis_small"]


def test_a_good_server_has_nothing_said_of_it(guarded: int, tmp_path: Path) -> None:
    assert require(at(tmp_path, login(guarded))) == []


def _starts(settings: Settings, role: str, seconds: float = 60) -> tuple[int, str, float]:
    """(exit status, what was said, seconds) of a process that should not start."""
    url = settings.redis_url
    assert url is not None
    env = {**os.environ, "WEFT_DATA_DIR": str(settings.data_dir), "WEFT_REDIS_URL": url.get_secret_value()}
    env |= {"WEFT_ENGINE": "null", "WEFT_PORT": str(free_port())}
    began = time.monotonic()
    done = subprocess.run(
        [*WEFT, role], env=env, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


@pytest.mark.parametrize("role", ["up", "worker", "dispatcher", "web"])
def test_a_wrong_password_ends_every_start(guarded: int, tmp_path: Path, role: str) -> None:
    code, said, _ = _starts(at(tmp_path, f"redis://{USER}:wr0ng@127.0.0.1:{guarded}/0"), role)
    assert code == 1, said
    assert "refuses the user or password" in said
    assert "wr0ng" not in said


def test_a_server_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as opened:
        late = threading.Timer(4, lambda: opened.enter_context(server(tmp_path / "late", "appendonly yes", port=port)))
        late.start()
        with run_product(tmp_path / "product", workers=0, bank=False, redis_url=f"redis://127.0.0.1:{port}/0"):
            late.join()
