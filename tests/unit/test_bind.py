"""What the keeper writes for BIND, and what it reads in its log."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from relaydrill.kinds.bind.configuration import CONFIGURATION, files
from relaydrill.kinds.bind.log import Asked, Running, is_trouble, parse
from relaydrill.nodes import config

WHEN = "24-Nov-2026 14:41:39.581"

SETTINGS = config.Dns(
    name="ns1",
    fqdn="ns1.contoso.com",
    address="10.0.0.9",
    control=config.Control(address="10.0.0.9", port=2500, token="x"),
    journal="-",
    kind="bind",
    bind=config.Address(address="10.0.0.9", port=53),
    mx={"contoso.com": (config.MxRecord(preference=10, host="maila.contoso.com"),)},
    hosts={
        "maila.contoso.com": ("10.0.0.1", "10.0.0.2"),
        "www.fabrikam.com": ("10.0.0.3",),
        "evilcontoso.com": ("10.0.0.4",),
    },
    ttl_s=0.2,
    stale="10.0.0.99",
)


def test_a_zone_for_each_domain_and_the_root_for_the_rest() -> None:
    """A name lies in a domain by whole labels; whatever lies in none lies in the root."""
    made = files(SETTINGS)
    assert set(made) == {
        CONFIGURATION,
        "contoso.com.zone",
        "root.zone",
    }
    lines = made["contoso.com.zone"].splitlines()
    assert lines[0] == "$TTL 1"  # DNS knows no shorter one
    assert "maila.contoso.com. A 10.0.0.2" in lines
    assert "contoso.com. MX 10 maila.contoso.com." in lines
    assert not any("evil" in line for line in lines)
    outside = made["root.zone"].splitlines()
    assert {"www.fabrikam.com. A 10.0.0.3", "evilcontoso.com. A 10.0.0.4"} <= {*outside}
    assert not any("contoso.com. MX" in line for line in outside)


def test_a_stale_record_is_in_place_of_every_address() -> None:
    """With the fault in force every host, and no name server, has the address that nobody has."""
    lines = files(SETTINGS, stale=True)["contoso.com.zone"].splitlines()
    assert "maila.contoso.com. A 10.0.0.99" in lines
    assert "ns1.contoso.com. A 10.0.0.9" in lines
    assert not any(line.endswith((".1", ".2")) for line in lines)


@pytest.mark.skipif(
    shutil.which("named-checkconf") is None, reason="named-checkconf is not installed: bind9-utils"
)
@pytest.mark.parametrize("order", ["rotate", "random", "fixed"])
@pytest.mark.parametrize("rcode", ["", "NXDOMAIN", "SERVFAIL"])
@pytest.mark.parametrize("upstream", [(), (config.Address(address="10.0.0.8", port=53),)])
def test_bind_accepts_the_configuration(
    order: str, rcode: str, upstream: tuple[config.Address, ...], tmp_path: Path
) -> None:
    """BIND's own checker finds nothing wrong with any configuration that can be written."""
    settings = SETTINGS.model_copy(update={"order": order, "upstream": upstream})
    for name, text in files(settings, rcode=rcode).items():
        (tmp_path / name).write_text(text)
    checked = subprocess.run(
        ["named-checkconf", CONFIGURATION], cwd=tmp_path, capture_output=True, text=True, timeout=20
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        (
            f"{WHEN} client @0x7f96090cc098 10.0.0.7#46430 (MailA.contoso.com): query:"
            " MailA.contoso.com IN A +E(0)K (10.0.0.9)",
            Asked("10.0.0.7", "maila.contoso.com", "A"),
        ),
        (
            f"{WHEN} client @0x7f96090cc098 10.0.0.7#46430 (contoso.com): query:"
            " contoso.com IN MX + (10.0.0.9)",
            Asked("10.0.0.7", "contoso.com", "MX"),
        ),
        (f"{WHEN} running", Running()),
        (f"{WHEN} all zones loaded", None),
        (f"{WHEN} running as: named -g -4", None),
        (
            f"{WHEN} client 10.0.0.7#39378 (a.b): query failed (zone not loaded) for a.b/IN",
            None,
        ),
        ("", None),
    ],
)
def test_a_line_of_the_log(line: str, fact: object) -> None:
    """Questions, and that it serves; every other line is nothing."""
    assert parse(line) == fact


def test_trouble_is_shown_and_traffic_is_not() -> None:
    """A zone that does not load is for a person to see; a question is not, whatever its name."""
    assert is_trouble(f"{WHEN} zone ./IN: not loaded due to errors.")
    assert not is_trouble(f"{WHEN} client 10.0.0.7#1 (error.com): query: error.com IN A + ()")
    assert not is_trouble(f"{WHEN} all zones loaded")
