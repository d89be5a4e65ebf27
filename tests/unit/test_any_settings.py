"""Whatever a WEFT_ variable says: settings that work, or an error that names the variable. Nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from scripts.cli import main as cli
from shared.access.exposure import check_exposure
from shared.access.proxies import Proxies
from shared.core.errors import WeftError
from shared.core.redis_urls import addresses
from shared.core.settings import Settings
from shared.encoder import engine, spec
from shared.jobs.webhook_sending import all_targets
from tests.outside_bytes import is_ours, same_examples
from web.hosts import Hosts

#: What people write, and what they write by mistake.
WRITTEN = [
    "", " ", "0", "-1", "1e400", "nan", "inf", "-inf", "1_000", "9" * 400, "true", "~", "~nobody-of-that-name/x", "a:b",
    ",", "=",
    "*=admin", "x=root", "redis://", "redis://h:99999", "redis://[::1", "redis+sentinel://h", "redis+sentinel://h:x/s",
    "rediss://u:%zz@h/0?ssl_cert_reqs=maybe", "unix://", "http://", "http://h:x/", "https://[",
    "generic+https://h#s", "s3://",
    "nothing://x", "sleep:", "sleep:-1", "sleep:nan", "demo + demo", "/", "A/B + ", "10.0.0.0/33", "::1/0",
    "x" * 5000, "面料",
    "50%@08:00-20:00", "0%@08:00-20:00", "50%@8-20", "50%@08:00-20:00 x/y",
    "%", "\udce9",
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(WRITTEN),
    st.text(st.characters(exclude_characters="\0"), max_size=12),
    st.integers().map(str),
    st.floats().map(str),
)
FIELDS = sorted(name for name in Settings.model_fields)


def readers(settings: Settings) -> None:
    """Everything that reads a setting's text further."""
    for read in (
        lambda: settings.roots,
        lambda: settings.weights_dir,
        lambda: addresses(settings),
        lambda: Proxies(settings),
        lambda: Hosts(settings),
        lambda: all_targets(settings),
        lambda: engine.parse(settings.engine),
        lambda: spec.parse(settings.model),
        lambda: check_exposure(settings),
    ):
        try:
            read()
        except WeftError as error:
            is_ours(error)


def names_only(error: ValidationError, fields: set[str]) -> None:
    """The error is about these and no others."""
    assert {str(problem["loc"][0]) for problem in error.errors()} <= fields


def held(values: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(f"WEFT_{name.upper()}", value)
        try:
            settings = Settings()
        except ValidationError as error:
            names_only(error, set(values))
            return
        readers(settings)


@pytest.mark.parametrize("field", FIELDS)
def test_what_people_write(field: str) -> None:
    for value in WRITTEN:
        held({field: value})


@same_examples
@given(values=st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=4))
def test_any_values(values: dict[str, str]) -> None:
    for value in values.values():
        try:
            os.fsencode(value)
        except UnicodeEncodeError:
            # No environment can hold it.
            assume(False)
    held(values)


@pytest.mark.parametrize("field", ["api_key", "redis_url", "data_dir"])
@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"", b"x" * 100_000, "folder"])
def test_secrets_from_files(tmp_path: Path, field: str, content: bytes | str | None) -> None:
    """`WEFT_X_FILE` names a file that is missing, no text, empty, long, or a folder."""
    path = tmp_path / "secret"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"WEFT_{field.upper()}_FILE", str(path))
        try:
            readers(Settings())
        except ValidationError as error:
            names_only(error, {field})


def test_an_empty_variable_does_not_hide_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("a key of sixteen letters\n")
    monkeypatch.setenv("WEFT_API_KEY_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("WEFT_API_KEY", "")
    key = Settings().api_key
    assert key is not None
    assert key.get_secret_value() == "a key of sixteen letters"
    monkeypatch.setenv("WEFT_API_KEY", "another key of the shell")
    key = Settings().api_key
    assert key is not None
    assert key.get_secret_value() == "another key of the shell"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEFT_DATA_DIR", "~nobody-of-that-name/x"),
        ("WEFT_API_KEY_FILE", "/nowhere/secret"),
        ("WEFT_REDIS_URL", "redis+sentinel://h"),
        ("WEFT_REDIS_URL", "redis://h:99999"),
        ("WEFT_LOG_LEVEL", "LOUD"),
        ("WEFT_KEEP_DAYS", "inf"),
        ("WEFT_FOLDER_ROOTS", "~nobody-of-that-name/x"),
        ("WEFT_PORT", "70000"),
    ],
)
def test_a_command_names_the_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert cli.run(["jobs"]) == 2
    printed = capsys.readouterr().err
    assert name.removesuffix("_FILE") in printed
    assert "Traceback" not in printed


def test_a_copy_has_the_roots_of_its_own_values(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a")
    assert settings.roots == ((tmp_path / "a" / "photos").resolve(),)
    assert settings.model_copy(update={"folder_roots": str(tmp_path)}).roots == (tmp_path.resolve(),)
    assert settings.model_copy(update={"data_dir": tmp_path / "b"}).roots == ((tmp_path / "b" / "photos").resolve(),)
