"""Everything that can be set, in one class. `weft doctor` prints what is in force; README lists the ones people use."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource

#: Photos in one chunk at most: one commit, one lease.
CHUNK_ITEMS = 64


class _FileSecrets(EnvSettingsSource):
    """`WEFT_X_FILE=/run/secrets/x` sets X to the file's content, the way Docker and systemd hand out secrets."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"WEFT_{field_name.upper()}_FILE")
        value = Path(path).read_text(encoding="utf-8").strip() if path else None
        return value, field_name, False


class Settings(BaseSettings):
    """Read once a process and passed on; never a module-level singleton."""

    model_config = SettingsConfigDict(env_prefix="WEFT_", extra="ignore", frozen=True)

    #: Everything Weft writes: Redis files, blobs, banks, models, projections, logs.
    data_dir: Path = Path("data")
    #: Address that the pages are served on.
    host: str = "127.0.0.1"
    #: Further names that the pages are reached by, joined by commas; `.example.com` takes all below it, `*` any.
    allowed_hosts: str = ""
    #: Port that the pages are served on.
    port: int = 8000
    #: The ledger's and broker's Redis. Unset: the embedded one of `weft up`, found through `data_dir`.
    redis_url: SecretStr | None = None
    #: The embedding cache's own Redis (`allkeys-lru`). Unset with `redis_url` set: each worker keeps only its own.
    cache_redis_url: SecretStr | None = None
    #: Where blobs, thumbnails and banks live when several machines share them: an fsspec URL such as s3://bucket/weft.
    storage_url: str | None = None
    #: `demo`, `ARCH/TAG`, `ARCH/path/to/weights.safetensors`; several joined by ` + `.
    model: str = "demo"
    #: Where weights given by name are looked for before they are downloaded. Unset: `data_dir/weights`.
    model_dir: Path | None = None
    #: auto | openvino | openvino-int8 | torch | torch-bf16 | null | sleep:MS
    engine: str = "auto"
    #: Rank by class centroids alone: a worker then never reads a bank's samples, and has none to show as evidence.
    centroids_only: bool = False
    #: Overrides the default preset of every kind of job.
    preset: str | None = None
    #: Folders below which folder jobs may read, joined by os.pathsep. Empty: `data_dir/photos`.
    folder_roots: str = ""
    #: Encoder threads of a worker; 0: the cores this process may use, divided by the workers that `weft up` starts.
    threads: int = Field(0, ge=0)
    #: Photos per encoder call; 0: chosen for the engine.
    micro_batch: int = Field(0, ge=0)
    #: Decode JPEG on the GPU where the engine runs there and torchvision can.
    gpu_jpeg: bool = True
    #: Days that the ledger keeps a finished job; its projection stays until it is deleted.
    keep_days: float = Field(30, gt=0)
    #: Megabytes of the embedding cache's Redis.
    cache_mb: int = Field(512, ge=16)
    #: Megabytes of the ledger's Redis (`noeviction`).
    ledger_mb: int = Field(2048, ge=16)
    #: Bytes of one request's body at most.
    max_upload_bytes: int = Field(20 * 1024**3, gt=0)
    #: Files in one upload at most, zip members included.
    max_upload_files: int = Field(100_000, gt=0)
    #: Bytes of one photo at most.
    max_photo_bytes: int = Field(256 * 1024**2, gt=0)
    #: Pixels of one photo at most, from its header, before anything is decoded.
    max_photo_pixels: int = Field(120_000_000, gt=0)
    #: Seconds that a worker may stay without progress on a chunk before it goes to another.
    lease_seconds: float = Field(20, gt=0)
    #: AOF policy of the embedded ledger Redis: `always` or `everysec`.
    appendfsync: str = "always"
    #: The least level that is logged: DEBUG, INFO, WARNING or ERROR.
    log_level: str = "INFO"
    #: Log one JSON document per line.
    log_json: bool = False
    #: Language of the command line, `en` or `zh`. Unset: the locale's. Pages follow the browser.
    lang: str | None = None
    #: Workers that `weft up` starts.
    workers: int = Field(1, ge=0, le=256)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _FileSecrets(settings_cls)

    @field_validator("data_dir", "model_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().resolve() if value is not None else None

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """Real paths below which folder jobs may read."""
        listed = [Path(p).expanduser().resolve() for p in self.folder_roots.split(os.pathsep) if p]
        return tuple(listed) or ((self.data_dir / "photos").resolve(),)

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


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
