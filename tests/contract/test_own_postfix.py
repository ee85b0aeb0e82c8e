"""What is read of main.cf and master.cf is what Postfix itself makes of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from relaydrill.own_configuration.postfix import DEFAULTS, read
from relaydrill.own_configuration.text import read_text
from tests.own_files import SABOTAGES, STYLES

_POSTCONF: Final = shutil.which("postconf", path="/usr/sbin:/sbin:/usr/bin")

pytestmark = pytest.mark.skipif(not _POSTCONF, reason="to run this: apt-get install postfix")

_MAIN: Final = {
    "continuations": "# first\nmynetworks = 127.0.0.0/8,\n  # between\n\n\t10.0.0.0/24\n"
    "  10.0.1.0/24\nrelayhost=[a.example]\n   \nmaximal_queue_lifetime   =   2d\n",
    "names": "one = [a.example]\ntwo=${one}\nrelayhost = $two:25\n"
    "fallback_relay = $(one), [b.example]\nmynetworks = $two/x $relayhost\n",
    "crlf": "relayhost = [a.example]\r\nmynetworks = 10.0.0.0/8\r\n  10.1.0.0/16\r\n",
    "twice": "relayhost = a.example\nrelayhost =\nsmtp_helo_timeout = 1m\n",
    "empty": "",
    "modern": "compatibility_level = 3.6\nmynetworks_style = host\n"
    "smtpd_relay_restrictions = permit_mynetworks,\n reject_unauth_destination\n",
    **{
        name: files["main.cf"]
        for name, files in (
            *STYLES.items(),
            *((key, each.files()) for key, each in SABOTAGES.items()),
        )
        if "main.cf" in files
    },
}
_MASTER: Final = """\
# the usual
smtp      inet  n       -       y       -       -       smtpd
 -o smtpd_upstream_proxy_protocol=haproxy
   -o { smtpd_client_restrictions = permit_mynetworks, reject }
10.0.0.1:587 inet n - n - - smtpd -o syslog_name=postfix/submission
#smtps inet n - y - - smtpd
pickup    unix  n       -       y       60      1       pickup
"""


@pytest.mark.parametrize("name", _MAIN)
def test_the_values_are_those_of_postfix(name: str, tmp_path: Path) -> None:
    """Of every parameter that is asked: written, inherited by a $name, or the default."""
    (tmp_path / "main.cf").write_bytes(_MAIN[name].encode())
    (tmp_path / "master.cf").write_text("")
    ours = read([read_text(tmp_path / "main.cf")], "main.cf")
    # Unless they are written, these are what the machine's interfaces or the level make them.
    others = ("mynetworks", "mynetworks_style", "smtpd_relay_restrictions")
    asked = [*DEFAULTS, *(each for each in others if each in ours.settings)]
    said = subprocess.run(
        [str(_POSTCONF), "-c", str(tmp_path), "-x", *asked],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    theirs = dict(
        line.split(" = ", 1) for line in said.stdout.replace(" =\n", " = \n").splitlines()
    )
    assert {key: ours.value(key) for key in asked} == {key: theirs[key] for key in asked}


def test_the_services_are_those_of_postfix(tmp_path: Path) -> None:
    """With what is overridden for each."""
    (tmp_path / "main.cf").write_text("")
    (tmp_path / "master.cf").write_text(_MASTER)
    said = subprocess.run(
        [str(_POSTCONF), "-c", str(tmp_path), "-P"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    found = read([read_text(tmp_path / "master.cf")], "master.cf")
    ours = {
        f"{each.name}/{each.kind}/{name} = {setting.value}"
        for each in found.services
        for name, setting in each.overrides.items()
    }
    assert ours == {*said.stdout.splitlines()}
    assert [each.port for each in found.services] == [25, 587, None]
    assert [each.program for each in found.services] == ["smtpd", "smtpd", "pickup"]
    assert found.notes == ()
