"""Certificates with a flaw, and what of TLS no starving machine can have done."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from cryptography import x509
from tests.histories import History
from tests.unit.test_bite import case, flow

from relaydrill import topology_files
from relaydrill.disturbance import OF_TLS, Disturbance, Flaw
from relaydrill.drivers.certificates import Authority, issue
from relaydrill.faults import FAULTS, ServiceFault
from relaydrill.faults.aiming import why_not
from relaydrill.smtp import BAD_CERTIFICATE, NO_STARTTLS, Phase, Result

SHAREPOINT = topology_files.load("sharepoint")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """That of a lab."""
    return issue(SHAREPOINT, tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("flaw", get_args(Flaw))
def test_a_certificate_has_one_flaw_and_no_other(authority: Authority, flaw: Flaw) -> None:
    """So that a client which verifies says this, and nothing else."""
    chain, key = authority.flawed(SHAREPOINT, "ht1", flaw)
    assert "PRIVATE KEY" in key
    made = x509.load_pem_x509_certificate(chain.encode())
    known = x509.load_pem_x509_certificate(authority.path.read_bytes())
    now = datetime.now(UTC)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {
        "expired": made.not_valid_after_utc < now,
        "not yet valid": made.not_valid_before_utc > now,
        "wrong name": "mail.contoso.com" not in names.get_values_for_type(x509.DNSName),
        "unknown authority": made.issuer != known.subject,
    } == {each: each == flaw for each in get_args(Flaw)}


def test_the_authority_s_key_is_never_written_down(authority: Authority) -> None:
    """Nor that of a certificate with a flaw, before somebody is given it."""
    authority.flawed(SHAREPOINT, "ht1", "expired")
    folder: Path = authority.path.parent
    hubs = {f"{hub}.{end}" for hub in SHAREPOINT.hubs for end in ("pem", "key")}
    assert {each.name for each in folder.iterdir()} == {"ca.pem", *hubs}


def test_no_key_stands_where_a_disturbance_is_shown() -> None:
    """A trace or a log has the name of the fault alone."""
    assert "secret" not in repr(Disturbance("x", "certificate", key="secret"))


@pytest.mark.parametrize("kind", [each.kind for each in FAULTS.values()])
def test_faults_of_tls_are_done_to_hubs(kind: str) -> None:
    """Of the parts of a tier they alone have a certificate."""
    fault = FAULTS[kind]
    if isinstance(fault, ServiceFault) and fault.action in OF_TLS:
        assert not why_not(SHAREPOINT, kind, "ht1")
        assert why_not(SHAREPOINT, kind, "mbx") == (
            f"{kind} is done by hubs (hub); mbx is a mailbox server"
        )
        assert bool(fault.flaw) == (fault.action == "certificate")


@pytest.mark.parametrize(
    ("reason", "may_be"),
    [
        (f"{BAD_CERTIFICATE}certificate has expired", False),
        (NO_STARTTLS, False),
        ("connection reset", True),
        ("timed out", True),
    ],
)
def test_no_busy_machine_makes_a_certificate_expire(reason: str, may_be: bool) -> None:
    """What a server shows is an answer; that a handshake was cut may be the machine's work."""
    history = History()
    flow(history, 0.0, 3.0)
    history.attempt(
        "<bad@app>", Result.DROPPED, at=3.02, took=0.01, phase=Phase.STARTTLS, reason=reason
    )
    history.stall(2.9, 3.2, lost=0.3)
    found = case(history)
    [bad] = found.attempts.failed
    assert found.doubt.covers(bad) is may_be
