"""Which Docker context is in use, and what a client of its engine is given."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from relaydrill.errors import UsageError

pytest.importorskip("docker")
pytest.importorskip("testcontainers")

from testcontainers.core.config import testcontainers_config

from relaydrill.drivers.docker import contexts
from relaydrill.drivers.docker.engine import engine_host, environment, is_expected

_HOST = "tcp://192.0.2.7:2376"


def make(folder: Path, name: str, text: str = "", *, with_tls: bool = False) -> None:
    """Write a context, as ``docker context create`` does: without any config.json."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": _HOST, "SkipTLSVerify": False}}
    document = {"Name": name, "Metadata": {}, "Endpoints": endpoints}
    (meta / "meta.json").write_text(text or json.dumps(document))
    if with_tls:
        tls = folder / "contexts" / "tls" / digest / "docker"
        tls.mkdir(parents=True)
        (tls / "ca.pem").touch()


@pytest.fixture(name="folder", autouse=True)
def a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own, with nothing in it, and nothing said elsewhere."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(testcontainers_config, "tc_properties", {})
    return tmp_path


@pytest.mark.parametrize("by", ["variable", "use"])
def test_a_context_is_used_whoever_names_it(
    by: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what its engine is reached with; else a drill would break another engine's lab."""
    make(folder, "far", with_tls=True)
    assert engine_host() == ""
    if by == "variable":
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
    else:
        (folder / "config.json").write_text('{"currentContext": "far"}')
    assert engine_host() == _HOST
    assert is_expected()
    for _ in range(2):
        given = environment()
        assert given["DOCKER_HOST"] == _HOST
        assert given["DOCKER_TLS_VERIFY"] == "1"
        assert (Path(given["DOCKER_CERT_PATH"]) / "ca.pem").exists()
        monkeypatch.setenv("DOCKER_HOST", _HOST)  # as testcontainers does


def test_what_is_named_directly_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DOCKER_HOST before any context, and the variable before what is set for good."""
    make(folder, "far", with_tls=True)
    (folder / "config.json").write_text('{"currentContext": "far"}')
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert engine_host() == ""
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.8:2375")
    assert engine_host() == "tcp://192.0.2.8:2375"
    assert "DOCKER_CERT_PATH" not in environment()


@pytest.mark.parametrize(
    ("by", "text", "told"),
    [
        ("variable", None, "there is no Docker context far in .*, which DOCKER_CONTEXT names"),
        ("use", None, "there is no Docker context far in .*, which docker context use names"),
        ("variable", "{", "the Docker context far cannot be read"),
        ("variable", '{"Endpoints": {}}', "the Docker context far cannot be read"),
    ],
)
def test_a_context_that_is_not_there_is_told(
    by: str, text: str | None, told: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody drills on this machine's engine who has named another."""
    if text:
        make(folder, "far", text)
    if by == "variable":
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
    else:
        (folder / "config.json").write_text('{"currentContext": "far"}')
    with pytest.raises(UsageError, match=told):
        engine_host()
    assert is_expected()


def test_without_a_home_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a job of an arbitrary user."""
    monkeypatch.delenv("DOCKER_CONFIG")

    def nowhere() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", nowhere)
    assert contexts.in_use() is None
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    with pytest.raises(UsageError, match="DOCKER_CONTEXT names the context far, and there is no"):
        contexts.in_use()
