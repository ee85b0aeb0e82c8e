"""Clients that we did not write deliver through the VIP, and the ledger accounts for their mail."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from relaydrill import playground, topology_files
from relaydrill.drills.lab_ledger import read_ledger
from relaydrill.drivers.process import ProcessLab
from relaydrill.ledger import FOREIGN, Account
from relaydrill.wait import wait_for

_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_SWAKS = shutil.which("swaks", path=_PATH)
_SMTP_SOURCE = shutil.which("smtp-source", path=_PATH)

needs_swaks = pytest.mark.skipif(
    not _SWAKS,
    reason="swaks is not installed; to run this: apt-get install swaks libnet-ssleay-perl",
)
needs_smtp_source = pytest.mark.skipif(
    not _SMTP_SOURCE, reason="smtp-source is not installed; to run this: apt-get install postfix"
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ProcessLab]:
    """The built-in topology, running."""
    with ProcessLab(topology_files.load("sharepoint"), tmp_path / "lab") as running:
        yield running


def settled(lab: ProcessLab) -> Counter[Account]:
    """The accounts of all foreign mail, once the queues are empty."""
    wait_for(
        lambda: not any(lab.control(hub)("queue_length") for hub in lab.topology.hubs),
        what="the queues to drain",
        deadline_s=20.0,
    )
    return Counter(entry.account for entry in read_ledger(lab)[0].of_flow(FOREIGN))


@needs_swaks
@pytest.mark.parametrize("port", [25, 587])
def test_swaks_delivers_as_the_playground_says(lab: ProcessLab, port: int) -> None:
    """The very command that ``relaydrill up`` prints delivers, on 587 with TLS and AUTH."""
    (command,) = (
        command
        for command in playground.commands(lab)
        if f":{lab.placement.seats['mail'].endpoint(port).port} " in command
    )
    done = subprocess.run(
        shlex.split(command), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "250 2.6.0" in done.stdout
    if port == 587:
        assert "~> AUTH" in done.stdout, "AUTH was not sent inside TLS"
    assert settled(lab) == {Account.DELIVERED: 1}


@needs_swaks
def test_swaks_is_refused_on_587_without_tls_and_with_a_wrong_password(lab: ProcessLab) -> None:
    """587 takes no mail in the clear, and none from a user with a wrong password."""
    where = lab.placement.seats["mail"].endpoint(587)
    base = [str(_SWAKS), "--server", f"{where.address}:{where.port}", "--to", "user@contoso.com"]
    plain = subprocess.run(base, capture_output=True, text=True, timeout=30, check=False)
    assert plain.returncode != 0
    assert "530 5.7.0 Must issue a STARTTLS command first" in plain.stdout + plain.stderr
    login = ["--tls", "--auth-user", "app", "--auth-password", "wrong"]
    wrong = subprocess.run([*base, *login], capture_output=True, text=True, timeout=30, check=False)
    assert wrong.returncode != 0
    assert "535 5.7.3 Authentication unsuccessful" in wrong.stdout + wrong.stderr
    assert settled(lab) == {}


@needs_smtp_source
def test_smtp_source_loses_nothing_that_was_accepted_when_a_hub_is_killed(
    lab: ProcessLab,
) -> None:
    """Mail of Postfix's own load generator, a hub killed meanwhile: all accepted mail arrives."""
    where = lab.placement.seats["mail"].endpoint(25)
    command = [str(_SMTP_SOURCE), "-l", "2000", "-m", "100000", "-s", "4"]
    command += ["-f", "app@contoso.com", "-t", "user@contoso.com", f"{where.address}:{where.port}"]
    source = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: lab.control("mbx")("arrivals") > 100, what="mail to flow", deadline_s=20.0)
        lab.kill("ht1")
        # It ends by itself as soon as a connection is closed without a greeting.
        _, said = source.communicate(timeout=30)
        assert b"lost connection" in said
    finally:
        source.kill()
        source.wait()
    lab.restart("ht1")
    accounts = settled(lab)
    assert accounts[Account.DELIVERED] > 100
    assert set(accounts) <= {Account.DELIVERED, Account.DUPLICATED}, accounts
    by_hub = {node for entry in read_ledger(lab)[0].of_flow(FOREIGN) for _, node in entry.accepted}
    assert by_hub == {"ht1", "ht2", "ht3"}
