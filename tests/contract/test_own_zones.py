"""What is read of a zone file is what BIND itself makes of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import dns.name
import dns.rdata
import pytest

from relaydrill.own_configuration.text import read_text
from relaydrill.own_configuration.zones import read
from tests.own_files import SABOTAGES, STYLES

_CHECKZONE: Final = shutil.which("named-checkzone", path="/usr/sbin:/usr/bin:/sbin")

pytestmark = pytest.mark.skipif(not _CHECKZONE, reason="to run this: apt-get install bind9-utils")

_HEAD: Final = "$TTL 1h\n@ SOA ns1 hostmaster 1 2h 1h 2w 5m\n NS ns1\nns1 A 192.0.2.53\n"
_ZONES: Final = {
    "owners": f"{_HEAD}a 60 IN A 192.0.2.1\n  IN 2m AAAA 2001:db8::1\n\tTXT x\n$TTL 9\n"
    "b A 192.0.2.2\n",
    "origins": f"{_HEAD}$ORIGIN lab.contoso.com.\nb A 192.0.2.2\n@ MX 5 b\n"
    "$ORIGIN contoso.com.\nc A 192.0.2.3\n",
    "parentheses": f'{_HEAD}a ( A\n  192.0.2.1 ) ; one\nb TXT ( "a;b" ; not a comment\n  "(c" )\n',
    "case and crlf": _HEAD.replace("\n", "\r\n") + "A a 192.0.2.1\r\nmx in mx 10 A\r\n",
    "escapes": f'{_HEAD}a\\.b A 192.0.2.1\n*.star A 192.0.2.9\nq TXT "a\\"b" plain\n',
    **{
        name: files["contoso"]
        for name, files in (
            *STYLES.items(),
            *((key, each.files()) for key, each in SABOTAGES.items()),
        )
        if "contoso" in files
    },
}


@pytest.mark.parametrize("name", _ZONES)
def test_the_records_are_those_of_bind(name: str, tmp_path: Path) -> None:
    """Name, TTL, type and data of every record, whatever the way it is written."""
    path = tmp_path / "contoso"
    path.write_bytes(_ZONES[name].encode())
    checks = ["-i", "none", "-k", "ignore", "-M", "ignore", "-n", "ignore", "-r", "ignore"]
    said = subprocess.run(
        [str(_CHECKZONE), "-q", "-D", *checks, "-o", "-", "contoso.com", str(path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    theirs = {_told(line) for line in said.stdout.splitlines() if line and line[0] != ";"}
    found = read([read_text(path)], "contoso", dns.name.from_text("contoso.com"))
    ours = {
        (each.name.to_text().lower(), each.ttl, each.kind, each.data.to_text().lower())
        for each in found.records
    }
    assert found.notes == ()
    if theirs:
        assert ours == theirs
    else:
        # BIND refuses a zone with, say, a name that is an alias and has an address beside.
        assert said.returncode != 0, said.stderr


def _told(line: str) -> tuple[str, int, str, str]:
    name, ttl, _, kind, rest = line.split(None, 4)
    data = dns.rdata.from_text("IN", kind, rest)
    return name.lower(), int(ttl), kind, data.to_text().lower()
