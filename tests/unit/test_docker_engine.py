"""An engine that does not answer is told in one sentence: where it is, why, and what to do."""

from __future__ import annotations

import pytest

from relaydrill.errors import LabError

pytest.importorskip("docker")
pytest.importorskip("testcontainers")

import docker
from docker.errors import DockerException
from testcontainers.core.config import testcontainers_config

from relaydrill.drivers.docker import engine


@pytest.fixture(autouse=True)
def _nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", "/nonexistent")
    monkeypatch.setattr(testcontainers_config, "tc_properties", {})
    for name in (
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
        "REQUESTS_CA_BUNDLE",
    ):
        monkeypatch.delenv(f"DOCKER_{name}", raising=False)


_VERSION = "Error while fetching server API version: "
_ABORTED = _VERSION + "('Connection aborted.', "
_PERMISSION = _ABORTED + "PermissionError(13, 'Permission denied'))"
_NO_FILE = _ABORTED + "FileNotFoundError(2, 'No such file or directory'))"
_REFUSED = (
    _VERSION + "HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with url:"
    " /version (Caused by NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=1): Failed to"
    ' establish a new connection: [Errno 111] Connection refused"))'
)
_UNVERIFIED = (
    "HTTPSConnectionPool(host='192.0.2.7', port=2376): Max retries exceeded (Caused by SSLError("
    "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')))"
)


@pytest.mark.parametrize(
    ("said", "bundle", "told"),
    [
        (_PERMISSION, "", r"\(Permission denied\): let this user use its socket"),
        (_NO_FILE, "", r"\(No such file or directory\): start it, or use --driver process"),
        (_REFUSED, "", r"this machine \(Connection refused\): start it, or use --driver process"),
        (_UNVERIFIED, "", "name the folder of its ca.pem with DOCKER_CERT_PATH"),
        (_UNVERIFIED, "/etc/ssl/corp.pem", "unset REQUESTS_CA_BUNDLE, or add the engine's"),
    ],
)
def test_what_would_help_is_told(
    said: str, bundle: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason in the system's words; and only what is down is to be started."""

    def fail(**_options: object) -> None:
        raise DockerException(said)

    monkeypatch.setattr(docker, "from_env", fail)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with pytest.raises(LabError, match=told):
        engine.connect()
