"""A mailbox looked into by IMAP: a real Dovecot, on a free port of this machine."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
import trustme

from relaydrill.drivers.attach.observers import Arrival, Observer, observer_of
from relaydrill.errors import LabError
from relaydrill.message import compose, digest
from relaydrill.topology.attach import Arrivals, Imap, Login
from relaydrill.wait import wait_for

_DOVECOT = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")

Tls: TypeAlias = Literal["none", "starttls", "implicit"]

pytestmark = [
    pytest.mark.skipif(not _DOVECOT, reason="no dovecot; to run this: apt install dovecot-imapd"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Dovecot drops its rights, and so wants root"),
]


@dataclass
class Box:
    """A mailbox on a server of its own."""

    folder: Path
    ports: dict[str, int]
    ca: str
    login: Login

    def deliver(self, content: bytes) -> None:
        """Put a message into it, as an LDA does."""
        name = f"{time.time_ns()}.test"
        (self.folder / "mail" / "tmp" / name).write_bytes(content)
        shutil.chown(self.folder / "mail" / "tmp" / name, "nobody")
        (self.folder / "mail" / "tmp" / name).rename(self.folder / "mail" / "new" / name)

    def arrivals(
        self, tls: Tls = "none", *, compare: bool = True, folder: str = "INBOX"
    ) -> Arrivals:
        """The inventory's way to it."""
        port = self.ports["implicit" if tls == "implicit" else "plain"]
        return Arrivals(
            imap=Imap(
                server="127.0.0.1",
                port=port,
                tls=tls,
                login=self.login,
                folder=folder,
                compare=compare,
            )
        )


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """An empty mailbox behind a Dovecot."""
    assert _DOVECOT
    ports = dict(zip(("plain", "implicit"), free_ports(2), strict=True))
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    for part in ("mail/new", "mail/cur", "mail/tmp", "run"):
        (tmp_path / part).mkdir(parents=True)
    for path in (tmp_path / "mail").rglob("*"):
        shutil.chown(path, "nobody")
    shutil.chown(tmp_path / "mail", "nobody")
    (tmp_path / "password").write_text("a real secret\n")
    (tmp_path / "user").write_text("anna")
    nobody = pwd.getpwnam("nobody")
    (tmp_path / "users").write_text(
        f"anna:{{PLAIN}}a real secret:{nobody.pw_uid}:{nobody.pw_gid}::{tmp_path}::\n"
    )
    config = tmp_path / "dovecot.conf"
    config.write_text(
        textwrap.dedent(f"""
            base_dir = {tmp_path}/run
            state_dir = {tmp_path}/run
            log_path = {tmp_path}/dovecot.log
            protocols = imap
            listen = 127.0.0.1
            mail_location = maildir:{tmp_path}/mail
            first_valid_uid = 1
            disable_plaintext_auth = no
            ssl = yes
            ssl_cert = <{tmp_path}/server.pem
            ssl_key = <{tmp_path}/server.pem
            default_internal_user = {getpass.getuser()}
            default_login_user = nobody
            service anvil {{
              chroot =
            }}
            service stats {{
              chroot =
            }}
            service imap-login {{
              chroot =
              inet_listener imap {{
                port = {ports["plain"]}
              }}
              inet_listener imaps {{
                port = {ports["implicit"]}
                ssl = yes
              }}
            }}
            passdb {{
              driver = passwd-file
              args = {tmp_path}/users
            }}
            userdb {{
              driver = passwd-file
              args = {tmp_path}/users
            }}
        """)
    )
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_mode & 0o005 != 0o005 and path.is_relative_to("/tmp"):  # for nobody
            path.chmod(0o755)
    process = subprocess.Popen([_DOVECOT, "-F", "-c", str(config)])
    try:
        wait_for(
            lambda: answers(ports["plain"]) or process.poll() is not None,
            what="Dovecot to answer",
            deadline_s=20,
            diagnosis=lambda: (tmp_path / "dovecot.log").read_text(),
        )
        assert process.poll() is None
        login = Login(user=f"file:{tmp_path}/user", password=f"file:{tmp_path}/password")
        yield Box(tmp_path, ports, str(tmp_path / "ca.pem"), login)
    finally:
        process.terminate()
        process.wait(20)


def free_ports(count: int) -> list[int]:
    """Ports that nobody has just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def answers(port: int) -> bool:
    """Whether an IMAP server greets."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as asking:
            return asking.recv(64).startswith(b"* OK")
    except OSError:
        return False


def letter(number: int) -> bytes:
    """A message as the senders compose it."""
    return compose(
        f"<{number}@x>", sender="a@x.org", recipients=("user@contoso.com",), size=2000, date=0.0
    )


def look(observer: Observer, count: int) -> list[Arrival]:
    """Look until so many have arrived."""
    found: list[Arrival] = []

    def enough() -> bool:
        found.extend(each for each in observer.new() if isinstance(each, Arrival))
        return len(found) >= count

    wait_for(enough, what=f"{count} arrivals", deadline_s=20, diagnosis=lambda: str(found))
    return found


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_new_mail_is_seen_once_and_whole(tls: Tls, box: Box) -> None:
    """Each new message is told once with its body's digest, and stays unread; old mail is not."""
    box.deliver(letter(0))
    observer = observer_of(box.arrivals(tls), box.ca)
    for number in (1, 2, 3):
        box.deliver(letter(number))
    found = sorted(look(observer, 3), key=lambda each: each.message)
    wanted = [Arrival(f"<{number}@x>", digest=digest(letter(number))) for number in (1, 2, 3)]
    assert found == wanted
    box.deliver(letter(4))
    assert [each.message for each in look(observer, 1)] == ["<4@x>"]
    seen = [path.name for path in (box.folder / "mail" / "cur").iterdir() if "S" in path.name[-3:]]
    assert seen == []
    observer.close()


def test_mail_with_the_marks_of_two_messages_is_told_of_both(box: Box) -> None:
    """It passes for neither, and is not passed over: each of the two may be the one."""
    observer = observer_of(box.arrivals(), box.ca)
    box.deliver(
        letter(1).replace(b"Message-ID: <1@x>", b"Message-ID: <1@x>\r\nX-Relaydrill-Id: <2@x>")
    )
    marks = ("<2@x>", "<1@x>")
    assert look(observer, 2) == [Arrival(each, marks=marks) for each in marks]
    observer.close()


def test_bodies_are_not_compared_where_the_server_writes_them_anew(box: Box) -> None:
    """``compare: false`` tells the arrival without a digest."""
    observer = observer_of(box.arrivals(compare=False), box.ca)
    box.deliver(letter(1))
    assert look(observer, 1) == [Arrival("<1@x>")]
    observer.close()


def test_a_mailbox_that_is_not_to_be_had_is_told(box: Box) -> None:
    """A wrong folder, a wrong password, a stranger's certificate: told before any mail."""
    with pytest.raises(LabError, match="Nowhere"):
        observer_of(box.arrivals(folder="Nowhere"), box.ca)
    with pytest.raises(LabError, match="(?i)certificate"):
        observer_of(box.arrivals("implicit"), "")
    (box.folder / "password").write_text("wrong")
    with pytest.raises(LabError, match="(?i)auth") as told:
        observer_of(box.arrivals(), box.ca)
    assert "wrong" not in str(told.value)
