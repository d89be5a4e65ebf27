"""Everything that can be set, in one class. `weft doctor` prints the effective values; README lists the usual ones."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError
from pydantic_settings.sources import EnvSettingsSource

#: Photos in one chunk at most: one commit, one lease.
CHUNK_ITEMS = 64
#: What a setting may say at most, so that no sum or limit of the system overflows.
MAX_DAYS, MAX_SECONDS, MAX_MB = 36_500, 86_400, 16 * 1024**2


class _FileSecrets(EnvSettingsSource):
    """`WEFT_X_FILE=/run/secrets/x` sets X to the file's content, the way Docker and systemd hand out secrets."""

    def __call__(self) -> dict[str, Any]:
        try:
            return super().__call__()
        except SettingsError as failure:
            # Whoever shows what is wrong with a setting finds its name in the ValidationError.
            if isinstance(failure.__cause__, ValidationError):
                raise failure.__cause__ from None
            raise

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        path = self.path(field_name)
        try:
            value = Path(path).read_text(encoding="utf-8").strip() if path else None
        except (OSError, ValueError) as failure:
            reason = f"{path}: {getattr(failure, 'strerror', None) or failure}"
            told = PydanticCustomError("unreadable_file", "{reason}", {"reason": reason})
            raise ValidationError.from_exception_data(
                "Settings", [{"type": told, "loc": (field_name,), "input": path}]
            ) from failure
        return value, field_name, False

    @staticmethod
    def path(field_name: str) -> str | None:
        """Where the value of a setting lies, if that is said."""
        return os.environ.get(f"WEFT_{field_name.upper()}_FILE") or None


class _Environment(EnvSettingsSource):
    """`WEFT_X`; an empty one, as compose files pass it on, does not hide `WEFT_X_FILE`."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        return {name: value for name, value in found.items() if value != "" or not _FileSecrets.path(name)}


class Settings(BaseSettings):
    """Read once a process and passed on; never a module-level singleton."""

    model_config = SettingsConfigDict(env_prefix="WEFT_", extra="ignore", frozen=True)

    #: Everything Weft writes: Redis files, blobs, banks, models, projections, logs.
    data_dir: Path = Path("data")
    #: Address that the pages are served on.
    host: str = "127.0.0.1"
    #: Further names that the pages are reached by, joined by commas; `.example.com` takes all below it, `*` any.
    allowed_hosts: str = ""
    #: Serve other machines although no key is needed; without it `weft` refuses to start beyond loopback.
    open: bool = False
    #: A key of at least 16 characters that may do everything, named `env`; further ones: `weft key create`.
    api_key: SecretStr | None = None
    #: Header in which a trusted proxy names the user, e.g. `X-Forwarded-User`. Requests then need a user or a key.
    auth_header: str = ""
    #: Header in which a trusted proxy names the user's groups, joined by commas.
    auth_groups_header: str = "X-Forwarded-Groups"
    #: Scopes by group, e.g. `*=read,weavers=submit+review,leads=admin`; `*`: every user.
    auth_groups: str = "*=submit+review"
    #: Addresses or networks of proxies whose headers are believed, joined by commas.
    trusted_proxies: str = ""
    #: Hours without a request after which a login ends.
    session_hours: float = Field(12, gt=0, le=24 * 365)
    #: Days that the audit log keeps an event.
    audit_days: float = Field(365, gt=0, le=MAX_DAYS)
    #: Port that the pages are served on.
    port: int = Field(8000, ge=0, le=65535)
    #: The ledger's and broker's Redis: redis://, rediss://, unix://, or redis+sentinel://USER:PASSWORD@HOST:PORT,…/SERVICE.
    #: Unset: the embedded one of `weft up`, found through `data_dir`.
    redis_url: SecretStr | None = None
    #: The embedding cache's own Redis (`allkeys-lru`). Unset with `redis_url` set: each worker keeps only its own.
    cache_redis_url: SecretStr | None = None
    #: Where blobs, thumbnails, banks and converted models live when several machines share them: an fsspec URL such as
    #: s3://bucket/weft.
    storage_url: str | None = None
    #: A PostgreSQL server with pgvector that holds the vectors of banks of more than 20,000 samples, so that no worker
    #: needs a copy, and the photos of all ended jobs, so that similar ones are found:
    #: postgresql://USER:PASSWORD@HOST1,HOST2/DATABASE, the primary and its replicas; needs the extra `index`. Unset:
    #: both are read from files.
    index_url: SecretStr | None = None
    #: `demo`, `ARCH/TAG`, `ARCH/path/to/weights.safetensors` (`…@TAG`: prepared as TAG); several joined by ` + `.
    model: str = "demo"
    #: Where weights given by name are looked for before they are downloaded. Unset: `data_dir/weights`.
    model_dir: Path | None = None
    #: auto | openvino | openvino-int8 | openvino-w8 | torch | torch-bf16 | null | sleep:MS
    engine: str = "auto"
    #: Views of each photo whose vectors are averaged: 1, the photo alone; 5, five crops of half its side; 6, the photo
    #: and these; turns, the photo in four directions. Banks are built for one of them (`weft bank check --views`).
    views: Literal["1", "5", "6", "turns"] = "1"
    #: Rank by class centroids alone: a worker then never reads a bank's samples, and has none to show as evidence.
    centroids_only: bool = False
    #: Overrides the default preset of every kind of job.
    preset: str | None = None
    #: Folders below which folder jobs may read, joined by os.pathsep. Empty: `data_dir/photos`.
    folder_roots: str = ""
    #: Prefixes of buckets that collections may read, with blanks between, e.g. `s3://swatches/photos`; needs the extra
    #: `s3`. Empty: none.
    bucket_roots: str = ""
    #: Seconds for which nothing more may arrive in a watched collection before its run begins.
    watch_quiet_seconds: float = Field(60, gt=0, le=MAX_SECONDS)
    #: Seconds between two looks at watched folders whose file system does not tell of changes: network shares.
    watch_poll_seconds: float = Field(60, gt=0, le=MAX_SECONDS)
    #: Look at all watched folders in this way, as where a container gets its folder from a desktop.
    watch_polling: bool = False
    #: Encoder threads of a worker; 0: the cores this process may use, divided by the workers that `weft up` starts.
    threads: int = Field(0, ge=0, le=4096)
    #: A share of its cores (`WEFT_THREADS`) that a worker uses at most at certain hours: `50%@08:00-20:00 mon-fri`.
    #: Empty: no limit. Photos that somebody waits for are done at once all the same.
    day_limit: str = ""
    #: Megabytes per second that a worker reads from folders at most, 0: no limit; `weft up` divides them among its
    #: workers.
    read_limit: float = Field(0, ge=0, le=MAX_MB)
    #: Photos per encoder call; 0: chosen for the engine.
    micro_batch: int = Field(0, ge=0, le=65536)
    #: Decode JPEG on the GPU where the engine runs there and torchvision can.
    gpu_jpeg: bool = True
    #: Who is told that a job has ended: URLs with blanks between, e.g. `https://example.org/hook#SECRET`. Robots of
    #: WeCom, DingTalk, Feishu and Slack are known by their hosts; `KIND+https://…` names a kind: generic, wecom,
    #: dingtalk, feishu, slack.
    webhooks: SecretStr = SecretStr("")
    #: Mail server for the same notices: `smtps://USER:PASSWORD@smtp.example.org`, or `smtp://…` with STARTTLS, which
    #: only a server on this machine, or `?tls=no`, does without. Letters such as @ in the password as %40.
    smtp_url: SecretStr = SecretStr("")
    #: Who gets them by mail: addresses with blanks between.
    mail_to: str = ""
    #: Sender of the mail; empty: the user of WEFT_SMTP_URL.
    mail_from: str = ""
    #: Share of failed photos above which a running job is told of, 0…1; 1: never.
    notice_failed_share: float = Field(0.2, ge=0, le=1)
    #: Minutes for which a job waits for a worker until that is told; 0: never.
    notice_no_worker_minutes: float = Field(10, ge=0, le=MAX_DAYS)
    #: Where people reach the pages, e.g. `https://weft.example.org`: for links in messages.
    public_url: str = ""
    #: Days that the ledger keeps a finished job, or fewer where its memory is 40 % full (the longest ended go first);
    #: the results stay until the job is deleted.
    keep_days: float = Field(30, gt=0, le=MAX_DAYS)
    #: Days that uploads and thumbnails are kept after no job names them any more; 0: until `weft gc` is called. In an
    #: object store nothing is removed unless this is set: its folder must be of this installation alone.
    uploads_days: float = Field(7, ge=0, le=MAX_DAYS)
    #: Days after its end that an archived job's results are kept, unless somebody has reviewed them; 0: for ever.
    results_days: float = Field(0, ge=0, le=MAX_DAYS)
    #: Newest versions of each bank that are kept, beside those that are in use; 0: all.
    bank_versions: int = Field(0, ge=0, le=100_000)
    #: Days that a converted model is kept that neither the settings nor a bank nor a worker names; 0: for ever.
    models_days: float = Field(0, ge=0, le=MAX_DAYS)
    #: Megabytes of the embedding cache's Redis.
    cache_mb: int = Field(512, ge=16, le=MAX_MB)
    #: Megabytes of the ledger's Redis (`noeviction`).
    ledger_mb: int = Field(2048, ge=16, le=MAX_MB)
    #: Megabytes of disk space that new jobs leave free, or a tenth of a smaller disk.
    disk_reserve_mb: int = Field(10_240, ge=0, le=MAX_MB)
    #: Bytes of one request's body at most.
    max_upload_bytes: int = Field(20 * 1024**3, gt=0, le=MAX_MB * 1024**2)
    #: Connections that the web server holds at once; what comes beyond gets 503, probes excepted.
    max_connections: int = Field(1000, ge=10, le=100_000)
    #: Hours after the last file for which an upload that is not complete can be continued; then its files are removed.
    upload_hours: float = Field(24, gt=0, le=24 * 30)
    #: Seconds that a client has for a request's headers, again for every 64 kB of its body, and for taking an answer.
    request_seconds: float = Field(20, gt=0, le=MAX_SECONDS)
    #: Files in one upload at most, zip members included.
    max_upload_files: int = Field(100_000, gt=0, le=10_000_000)
    #: Bytes of one photo at most.
    max_photo_bytes: int = Field(256 * 1024**2, gt=0, le=64 * 1024**3)
    #: Pixels of one photo at most, from its header, before anything is decoded.
    max_photo_pixels: int = Field(250_000_000, gt=0, le=100_000_000_000)
    #: Megabytes of memory for decoding, all photos in progress together; one photo may take all of it.
    decode_mb: int = Field(2048, ge=64, le=MAX_MB)
    #: Seconds of processor time for decoding one photo.
    decode_cpu_seconds: float = Field(20, gt=0, le=MAX_SECONDS)
    #: Seconds that a worker may stay without progress on a chunk before it goes to another.
    lease_seconds: float = Field(20, gt=0, le=MAX_SECONDS)
    #: AOF policy of the embedded ledger Redis: `always` or `everysec`.
    appendfsync: str = "always"
    #: The least level that is logged: DEBUG, INFO, WARNING or ERROR.
    log_level: str = "INFO"
    #: Log one JSON document per line.
    log_json: bool = False
    #: Requests in the web server's log: `all`; `sampled`, of probes, polls, thumbnails and files that succeed only one
    #: in 100; `errors`; `off`.
    log_requests: Literal["all", "sampled", "errors", "off"] = "sampled"
    #: Language of the command line, `en` or `zh`. Unset: the locale's. Pages follow the browser.
    lang: str | None = None
    #: Workers that `weft up` starts.
    workers: int = Field(1, ge=0, le=256)
    #: A server elsewhere, e.g. `https://weft.example.org`: `weft submit`, `jobs`, `watch`, `export` and what else is
    #: about jobs then go there; also `--url`.
    url: str = ""
    #: The key for that server, as `weft key create` made it there.
    key: SecretStr | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Environment(settings_cls), _FileSecrets(settings_cls)

    @field_validator("api_key", mode="after")
    @classmethod
    def _long(cls, value: SecretStr | None) -> SecretStr | None:
        """Empty counts as unset, as compose files pass it on."""
        secret = value.get_secret_value().strip() if value else ""
        if secret and len(secret) < 16:
            raise ValueError("a key has at least 16 characters (openssl rand -hex 32)")
        return SecretStr(secret) if secret else None

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _networks(cls, value: str) -> str:
        for network in value.split(","):
            if network.strip():
                ipaddress.ip_network(network.strip())
        return value

    @field_validator("data_dir", "model_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return _real(value) if value is not None else None

    @field_validator("folder_roots", mode="after")
    @classmethod
    def _folders(cls, value: str) -> str:
        for path in value.split(os.pathsep):
            _real(Path(path))
        return value

    @field_validator("bucket_roots", mode="after")
    @classmethod
    def _prefixes(cls, value: str) -> str:
        for url in value.split():
            if not url.startswith("s3://") or not url[5:].strip("/"):
                raise ValueError("s3://BUCKET or s3://BUCKET/PREFIX, with blanks between")
        return value

    @field_validator("redis_url", "cache_redis_url", mode="after")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        """Empty counts as unset, as compose files pass it on."""
        url = value.get_secret_value().strip() if value else ""
        if url:
            # Loads the client library, which not every command needs.
            from shared.core.redis_client import check_url

            check_url(url)
        return SecretStr(url) if url else None

    @field_validator("index_url", mode="after")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        """Empty counts as unset, as compose files pass it on."""
        url = value.get_secret_value().strip() if value else ""
        if url and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("postgresql://USER:PASSWORD@HOST/DATABASE")
        return SecretStr(url) if url else None

    @field_validator("day_limit", mode="after")
    @classmethod
    def _hours(cls, value: str) -> str:
        # Not every command needs time zones.
        from shared.core.day_limit import DayLimit

        DayLimit.of(value)
        return value

    @field_validator("log_level", mode="after")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in logging.getLevelNamesMapping():
            raise ValueError("DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("appendfsync", mode="after")
    @classmethod
    def _policy(cls, value: str) -> str:
        if value not in ("always", "everysec", "no"):
            raise ValueError("always or everysec")
        return value

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As Pydantic's; what was derived from the former values is derived anew."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("roots", None)
        return copied

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """Real paths below which folder jobs may read."""
        listed = [_real(Path(p)) for p in self.folder_roots.split(os.pathsep) if p]
        return tuple(listed) or ((self.data_dir / "photos").resolve(),)

    @property
    def buckets(self) -> tuple[str, ...]:
        """Prefixes (`s3://BUCKET/PREFIX`) below which collections may read."""
        return tuple(url.rstrip("/") for url in self.bucket_roots.split())

    @property
    def weights_dir(self) -> Path:
        """Where downloaded and hand-placed weights lie."""
        return self.model_dir or self.data_dir / "weights"

    @property
    def model_store(self) -> Path:
        """Where converted models lie, one folder a digest."""
        return self.data_dir / "models"

    @property
    def jobs_dir(self) -> Path:
        """Where projections lie, one SQLite file a job."""
        return self.data_dir / "jobs"

    @property
    def run_dir(self) -> Path:
        """What a running `weft up` tells others: addresses, process ids, logs."""
        return self.data_dir / "run"

    def preset_for(self, kind: str) -> str:
        """The default preset of a job of this kind (`classify`, `upload`, `folder`)."""
        return self.preset or {"classify": "realtime", "folder": "precise"}.get(kind, "standard")


def _real(path: Path) -> Path:
    """Raises ValueError for `~somebody` who is not known here."""
    try:
        return path.expanduser().resolve()
    except RuntimeError as failure:
        raise ValueError(str(failure)) from failure


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
