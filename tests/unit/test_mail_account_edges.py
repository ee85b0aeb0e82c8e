"""Where logs end, begin, are missing or are odd: what the account says, and what it must not."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.mail_logs_model import Tier, bsd, iso, log_of, tier
from tests.unit.test_mail_account import AFTER, counts, in_utc, put, read, told, written

from relaydrill.api.logs import account
from relaydrill.cli.commands import cli
from relaydrill.mail_account import files, sharing
from relaydrill.mail_account.files import find_logs
from relaydrill.mail_account.reading import account_of
from relaydrill.mail_account.result import MailAccount
from relaydrill.mail_account.sharing import same_hosts
from relaydrill.verdict import Status

__all__ = ["in_utc"]


def busy(seed: int = 1, ahead: float = 0.0) -> Tier:
    """A tier that has been at work for some minutes: a hundred messages, all delivered."""
    world = tier(seed, ahead)
    for _ in range(100):
        world.send(["delivered"])
    return world


def without(world: Tier, name: str, number: int) -> str:
    """Take all lines of the n-th message that a host took out of its log; its queue id."""
    host = world.hosts[name]
    takes = [at for at, line in enumerate(host.lines) if "client=" in line[2]]
    begin, end = takes[number], takes[number + 1]
    queue_id = host.lines[begin][2].partition(":")[0]
    host.lines[begin:end] = []
    return queue_id


def tar_of(files: dict[str, bytes]) -> bytes:
    """A tar of these."""
    written_to = io.BytesIO()
    with tarfile.open(fileobj=written_to, mode="w") as archive:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size, about.mtime = len(content), int(AFTER)
            archive.addfile(about, io.BytesIO(content))
    return written_to.getvalue()


class TestLost:
    """A message is lost only where it would have been seen."""

    def test_what_the_next_host_does_not_have_is_lost(self, tmp_path: Path) -> None:
        """Its log covers that time, and mail that went there by the same way is in it."""
        world = busy()
        without(world, "mbx1", 20)
        found = read(*written(world, tmp_path))
        assert counts(found) == {"delivered": 99, "lost": 1}
        assert found.status is Status.FAIL
        [fate] = found.undelivered
        assert fate.note == "handed on to mbx1, whose log does not have it"

    def test_a_host_whose_log_is_not_here_may_have_it(self, tmp_path: Path) -> None:
        """It was handed on there."""
        world = busy()
        to_mbx1 = sum("client=" in line[2] for line in world.hosts["mbx1"].lines)
        del world.hosts["mbx1"]
        found = read(*written(world, tmp_path))
        assert counts(found) == {"delivered": 100 - to_mbx1, "handed on": to_mbx1}
        assert found.status is Status.UNKNOWN

    @pytest.mark.parametrize("is_here", [True, False])
    def test_behind_a_shared_address_there_may_be_others(
        self, tmp_path: Path, is_here: bool
    ) -> None:
        """A balancer's: what none of its known hosts has may be on one whose log is not here."""
        world = busy()
        for host in world.hosts.values():
            host.lines = [
                (at, who, text.replace("relay=mbx1[", "relay=vip[").replace("=mbx2[", "=vip["))
                for at, who, text in host.lines
            ]
        without(world, "mbx1", 20)
        if not is_here:
            del world.hosts["mbx1"]
        found = read(*written(world, tmp_path))
        assert set(found.ordered) == {"delivered", "unknown"}

    def test_a_log_that_ends_early_or_begins_late_hides_it(self, tmp_path: Path) -> None:
        """What was handed on while it does not cover is unknown, or handed on; never lost."""
        world = busy()
        host = world.hosts["mbx1"]
        third = len(host.lines) // 3
        host.lines = host.lines[third : 2 * third]
        found = read(*written(world, tmp_path))
        assert not found.counts["lost"]
        assert found.counts["unknown"]
        assert any("does not cover that time" in fate.note for fate in found.undelivered)

    def test_a_logger_that_dropped_lines_hides_it(self, tmp_path: Path) -> None:
        """Nothing follows from what is not in its log."""
        world = busy()
        without(world, "mbx1", 20)
        paths = written(world, tmp_path)
        dropped = b"Jan  1 00:10:00 mbx1 rsyslogd: imjournal from <mbx1:postfix>: begin to drop "
        with (tmp_path / "mbx1.log").open("ab") as file:
            file.write(dropped + b"messages due to rate-limiting\n")
        found = read(*paths)
        assert counts(found) == {"delivered": 99, "unknown": 1}
        assert "says that lines of it were dropped" in found.undelivered[0].note

    def test_a_name_that_only_looks_like_a_host_of_ours_proves_nothing(
        self, tmp_path: Path
    ) -> None:
        """``mbx1.elsewhere.org`` is not our mbx1, of which no mail says so."""
        world = busy()
        world.send(["handed on"])
        for host in world.hosts.values():
            host.lines = [
                (at, who, text.replace("far[192.0.2.1]", "mbx1.elsewhere.org[192.0.2.1]"))
                for at, who, text in host.lines
            ]
        assert counts(read(*written(world, tmp_path))) == {"delivered": 100, "handed on": 1}

    @pytest.mark.parametrize("ahead", [-7200.0, 3600.0])
    def test_clocks_that_differ_are_told_and_do_no_harm(self, tmp_path: Path, ahead: float) -> None:
        """By how much; and a loss is still seen."""
        world = busy(1, ahead)
        without(world, "mbx1", 40)
        found = read(*written(world, tmp_path))
        assert counts(found) == {"delivered": 99, "lost": 1}
        way = "ahead of" if ahead > 0 else "behind"
        assert any(f" {way} that of mx1" in remark for remark in found.remarks)


class TestRenamed:
    """A gateway writes Message-IDs anew: the next host has the mail, under another one."""

    def _gateway(
        self, tmp_path: Path, *, which: int | None, tells: bool, loses: bool
    ) -> MailAccount:
        """Forty messages by way of mx1 to mbx1, which renames one or all of them, or loses it."""
        here, there = [], []
        for number in range(40):
            at = 1_767_200_000.0 + 60 * number
            taken = f"4MBX{number:02d}"
            reply = f"250 2.0.0 Ok: queued as {taken}" if tells else "250 2.0.0 Ok"
            is_it = which is None or number == which
            name = f"<new{number}@gateway>" if is_it else f"<{number}@app>"
            to = f"to=<u{number % 5}@x.test>"
            here += passing(
                at,
                "mx1",
                f"4EDG{number:02d}",
                f"<{number}@app>",
                f"smtp {to}, relay=mbx1[10.0.0.3]:25, delay=0, dsn=2.0.0, status=sent ({reply})",
            )
            if not (loses and is_it):
                there += passing(
                    at + 3,
                    "mbx1",
                    taken,
                    name,
                    f"virtual {to}, relay=virtual, delay=0, dsn=2.0.0,"
                    " status=sent (delivered to maildir)",
                )
        put(tmp_path / "mx1.log", here)
        put(tmp_path / "mbx1.log", there)
        return read(tmp_path)

    @pytest.mark.parametrize("which", [None, 20])
    def test_the_queue_id_that_it_answered_tells(self, tmp_path: Path, which: int | None) -> None:
        """It is told of once, under the name that it arrived by."""
        found = self._gateway(tmp_path, which=which, tells=True, loses=False)
        assert counts(found) == {"delivered": 40}
        assert found.status is Status.PASS

    def test_without_a_queue_id_it_may_be_there(self, tmp_path: Path) -> None:
        """Mail of that time for that recipient came from nobody: it is not lost for sure."""
        found = self._gateway(tmp_path, which=20, tells=False, loses=False)
        assert counts(found) == {"delivered": 40, "unknown": 1}

    @pytest.mark.parametrize("tells", [True, False])
    def test_what_is_there_under_no_name_is_lost(self, tmp_path: Path, tells: bool) -> None:
        """Neither its queue id nor mail of unknown origin is there."""
        found = self._gateway(tmp_path, which=20, tells=tells, loses=True)
        assert counts(found) == {"delivered": 39, "lost": 1}


def passing(at: float, host: str, queue_id: str, message: str, end: str) -> list[bytes]:
    """The lines of one message on one host."""
    agent, _, said = end.partition(" ")
    lines = (
        ("smtpd", "client=app[10.0.0.9]"),
        ("cleanup", f"message-id={message}"),
        ("qmgr", "from=<app@x.test>, size=9, nrcpt=1 (queue active)"),
        (agent, said),
        ("qmgr", "removed"),
    )
    return [bsd(at, host, program, f"{queue_id}: {text}") for program, text in lines]


class TestPlaces:
    """Logs as they come: packed, of several hosts in one file, of two names."""

    def test_one_file_of_all_hosts(self, tmp_path: Path) -> None:
        """As a central syslog writes it; beside it the hosts' own are copies, in other frames."""
        world = busy()
        world.send(["discarded", "queued", "alias"])
        lines = sorted(
            [
                (at, name, who, text)
                for name, host in world.hosts.items()
                for at, who, text in host.lines
            ],
            key=lambda line: line[0],
        )
        put(tmp_path / "all.log", [iso(at, name, who, text) for at, name, who, text in lines])
        assert counts(read(tmp_path)) == world.truth
        written(world, tmp_path / "own")
        assert counts(read(tmp_path)) == world.truth

    @pytest.mark.parametrize(
        ("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
    )
    def test_a_rotated_set_may_be_packed_in_any_way(
        self, tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
    ) -> None:
        """Whatever logrotate packs with; what breaks off is read to the break, and told."""
        world = busy()
        for name, host in world.hosts.items():
            lines, folder = log_of(host), tmp_path / name
            put(folder / "mail.log", lines[len(lines) // 2 :])
            older = put(folder / f"mail.log.1.{ending}", lines[: len(lines) // 2])
            older.write_bytes(pack(b"".join(lines[: len(lines) // 2])))
        assert counts(read(tmp_path)) == world.truth
        older.write_bytes(older.read_bytes()[:-9])
        found = read(tmp_path)
        assert found.status is Status.UNKNOWN
        assert any("cannot be read to its end" in said for said in found.unread)

    def test_a_host_of_two_names_is_one(self, tmp_path: Path) -> None:
        """Its short name, and the full one, in two logs of the same."""
        world = busy()
        written(world, tmp_path / "short")
        for host in world.hosts.values():
            host.name += ".contoso.com"
        written(world, tmp_path / "long", iso)
        found = read(tmp_path)
        assert counts(found) == world.truth
        assert len(found.servers) == 4
        assert same_hosts(["a", "a.x", "a.y"]) == {"a": "a", "a.x": "a.x", "a.y": "a.y"}

    def test_an_archive(self, tmp_path: Path) -> None:
        """Logs in a .zip count as in a folder."""
        world = busy()
        with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
            for name, host in world.hosts.items():
                archive.writestr(f"{name}/mail.log", b"".join(log_of(host)))
        assert counts(read(tmp_path / "logs.zip")) == world.truth

    @pytest.mark.parametrize("pack", [None, bytes, gzip.compress, bz2.compress, lzma.compress])
    @pytest.mark.parametrize("packed_in_it", [bytes, gzip.compress, bz2.compress, lzma.compress])
    def test_what_is_packed_in_an_archive_is_read(
        self,
        tmp_path: Path,
        packed_in_it: Callable[[bytes], bytes],
        pack: Callable[[bytes], bytes] | None,
    ) -> None:
        """Whatever its members are packed with, and a tar itself; None is a zip."""
        world = tier(1)
        world.send(["delivered"] * 3)
        logs = {
            f"{name}/mail.log.1": packed_in_it(b"".join(log_of(host)))
            for name, host in world.hosts.items()
        }
        if pack is None:
            with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
                for name, content in logs.items():
                    archive.writestr(name, content)
        else:
            (tmp_path / "logs.tar").write_bytes(pack(tar_of(logs)))
        found = read(tmp_path)
        assert counts(found) == world.truth
        assert not found.unread

    @pytest.mark.parametrize(
        "begin", [b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"7z\xbc\xaf\x27\x1c"]
    )
    @pytest.mark.parametrize("is_within", [True, False])
    def test_what_cannot_be_unpacked_is_named(
        self, tmp_path: Path, begin: bytes, is_within: bool
    ) -> None:
        """A log that is packed by something else is not read, whatever it is called: no pass."""
        written(busy(), tmp_path)
        content = begin + b"\x12\xff" * 500
        name, written_as = "older", content
        if is_within:
            name, written_as = "older.tar", tar_of({"x/older": content})
        (tmp_path / name).write_bytes(written_as)
        found = account(tmp_path)
        assert found.status is Status.UNKNOWN
        assert found.servers is not None
        assert any("unpack it first" in said for said in found.servers.unread)

    def test_logs_of_exchange_take_no_others_with_them(self, tmp_path: Path) -> None:
        """One archive of logs of Exchange's and of Postfix's: both are read."""
        world = busy()
        with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
            for name, host in world.hosts.items():
                archive.writestr(f"{name}/mail.log", b"".join(log_of(host)))
            archive.writestr(
                "EX1/MSGTRK2026020310-1.LOG", "#Software: Microsoft Exchange Server\r\n"
            )
        found = find_logs([tmp_path])
        assert found.exchange == (tmp_path / "logs.zip",)
        assert counts(account_of(found.logs)) == world.truth

    def test_a_rotated_log_that_is_missing_is_named(self, tmp_path: Path) -> None:
        """Between two others: it is not whole."""
        lines = log_of(busy().hosts["mx1"])
        third = len(lines) // 3
        put(tmp_path / "mail.log.3", lines[:third])
        put(tmp_path / "mail.log.1", lines[2 * third :])
        found = read(tmp_path)
        assert any("mail.log.2 is missing between" in each for each in found.unread)
        assert not found.counts["lost"]

    def test_utf_16(self, tmp_path: Path) -> None:
        """Without a mark, as some tools save it."""
        world = busy()
        for path in written(world, tmp_path):
            put(path, [path.read_bytes().decode().encode("utf-16-le")])
        assert counts(read(tmp_path)) == world.truth

    @pytest.mark.parametrize("zeroes", [4095, 4096, 70_000])
    def test_zeroes_at_the_begin_are_no_utf_16(self, tmp_path: Path, zeroes: int) -> None:
        """A log that was emptied under its writer begins with what was there."""
        world = busy()
        for path in written(world, tmp_path):
            put(path, [b"\0" * zeroes, path.read_bytes()])
        assert counts(read(tmp_path)) == world.truth

    def test_odd_bytes(self, tmp_path: Path) -> None:
        """NULs, a line of a megabyte, half lines and no text at all: the rest counts, exactly."""
        world = busy()
        odd = (b"\0" * 4096 + b"\n", b"x" * 2_000_000 + b"\n", b"\xff\xfe\xfd\n", b"Dec 31 23:5\n")
        for path in written(world, tmp_path):
            lines = path.read_bytes().splitlines(keepends=True)
            for number, each in enumerate(odd):
                lines.insert(7 * number + 5, each)
            put(path, lines)
        found = read(tmp_path)
        assert counts(found) == world.truth

    def test_deliveries_that_are_not_understood_prove_nothing(self, tmp_path: Path) -> None:
        """Of another kind of server in the same log, or of a frame that nobody knows."""
        world = busy()
        paths = written(world, tmp_path)
        line = "Jan  1 00:00:{} mx9 sendmail[7]: 6A1{}: to=<a@x>, delay=00:00:01, stat=Sent (Ok)\n"
        odd = (
            "at midnight mx9 wrote postfix/smtp: A00001: to=<a@x>, relay=b, status=sent (ok)\n" * 20
        )
        with paths[0].open("a") as file:
            file.write("".join(line.format(n, n) for n in range(10, 30)))
        found = read(*paths)
        assert counts(found) == world.truth
        assert found.status is Status.UNKNOWN
        assert "20 of its" in found.unread[0]
        found = read(
            *paths[1:], put(tmp_path / "x.log", [odd.encode(), *log_of(world.hosts["mx1"])])
        )
        assert found.status is Status.UNKNOWN

    def test_what_is_no_file_is_refused(self, tmp_path: Path) -> None:
        """A pipe would be waited for, and could be read only once."""
        os.mkfifo(tmp_path / "pipe")
        status, output = told(tmp_path / "pipe")
        assert status == 2
        assert output.endswith("pipe is no file: save what comes out of it, and name that")

    def test_windows_line_ends(self, tmp_path: Path) -> None:
        """A log that went through Windows."""
        world = busy()
        for path in written(world, tmp_path):
            put(path, [path.read_bytes().replace(b"\n", b"\r\n")])
        assert counts(read(tmp_path)) == world.truth


def test_several_processes_come_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large logs are dealt out by host; names, places and numbers of hosts are put together."""
    monkeypatch.setattr(sharing, "_WORTH_IT", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    world = busy()
    world.send(["discarded", "queued", "duplicated", "alias", "filter", "failed"])
    found = read(*written(world, tmp_path))
    assert counts(found) == world.truth
    told_of = {(fate.leg.message, fate.leg.recipient): fate.account for fate in found.undelivered}
    assert told_of == {key: fate for key, fate in world.fates.items() if fate != "delivered"}
    assert {Path(read.log.name).name: read.lines for read in found.reads} == {
        f"{name}.log": len(host.lines) for name, host in world.hosts.items()
    }


def of_lines(tmp_path: Path, text: str, write: Callable[..., bytes] = bsd) -> MailAccount:
    """The account of ``HOST PROGRAM: TEXT`` lines, ten seconds apart."""
    at, lines = 1_767_200_000.0, []
    for line in filter(str.strip, text.splitlines()):
        who, _, said = line.strip().partition(": ")
        host, program = who.split()
        at += 10
        lines.append(write(at, host, program, said))
    return read(put(tmp_path / "mail.log", lines))


class TestMeanings:
    """What is not quite ordinary in one log, or between two."""

    def test_an_alias_is_followed_to_the_queue_id_that_it_was_forwarded_as(
        self, tmp_path: Path
    ) -> None:
        """local(8) makes a new message; only its recipients count."""
        found = of_lines(
            tmp_path,
            """
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 cleanup: A00002: message-id=<1@x>
            mx1 qmgr: A00002: from=<a@x>, size=1, nrcpt=2 (queue active)
            mx1 local: A00001: to=<s@y>, relay=local, status=sent (forwarded as A00002)
            mx1 qmgr: A00001: removed
            mx1 local: A00002: to=<a@y>, orig_to=<s@y>, relay=x, status=sent (delivered to mailbox)
            mx1 local: A00002: to=<ben@y>, orig_to=<s@y>, relay=local, status=bounced (no user)
            mx1 qmgr: A00002: removed
            """,
        )
        assert counts(found) == {"delivered": 1, "failed": 1}
        assert found.renamed == 1

    def test_a_filter_that_swallows_has_it(self, tmp_path: Path) -> None:
        """Nothing came back: handed on, to it by name; what came back is delivered."""
        taken = """
            mx1 smtpd: A0000{0}: client=app[192.0.2.9]
            mx1 cleanup: A0000{0}: message-id=<{0}@x>
            mx1 qmgr: A0000{0}: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 pipe: A0000{0}: to=<b@y>, relay=scan, status=sent (delivered via scan service)
            mx1 qmgr: A0000{0}: removed
            """
        back = """
            mx1 pickup: A00009: uid=65534 from=<a@x>
            mx1 cleanup: A00009: message-id=<1@x>
            mx1 qmgr: A00009: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 virtual: A00009: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
            mx1 qmgr: A00009: removed
            """
        found = of_lines(tmp_path, taken.format(1) + back.strip() + taken.format(2))
        assert counts(found) == {"delivered": 1, "handed on": 1}
        assert found.undelivered[0].leg.by == "scan"

    def test_a_milter_that_discards(self, tmp_path: Path) -> None:
        """The client had its 250: discarded, by name."""
        found = of_lines(
            tmp_path,
            """
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 cleanup: A00001: milter-discard: DATA from a[1]: bye; from=<a@x> to=<b@y> helo=<a>
            """,
        )
        assert counts(found) == {"discarded": 1}
        assert "milter" in found.undelivered[0].leg.by

    def test_held_and_released(self, tmp_path: Path) -> None:
        """What is released and delivered is; what is deleted was thrown away by a person."""
        taken = """
            mx1 smtpd: A0000{0}: client=app[192.0.2.9]
            mx1 cleanup: A0000{0}: hold: header X: x from a[1]; from=<a@x> to=<b@y> helo=<a>
            mx1 cleanup: A0000{0}: message-id=<{0}@x>
            """
        rest = """
            mx1 postsuper: A00001: released from hold
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 virtual: A00001: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
            mx1 qmgr: A00001: removed
            mx1 postsuper: A00002: removed
            """
        text = "".join(taken.format(number) for number in (1, 2, 3)) + rest.strip()
        found = of_lines(tmp_path, text)
        assert counts(found) == {"delivered": 1, "discarded": 1, "held": 1}

    @pytest.mark.parametrize(
        ("later", "expected"),
        [
            ("error: B00001: to=<b@y>, relay=none, status=bounced (gone)", "failed"),
            ("virtual: B00001: to=<b@y>, relay=virtual, status=sent (delivered to maildir)", ""),
            ("smtp: B00001: to=<b@y>, relay=none, status=deferred (refused)", "queued"),
        ],
    )
    @pytest.mark.parametrize(
        "before",
        [
            "cleanup: A00001: hold: header X: y from a[1]; from=<a@x> to=<b@y> helo=<a>: no",
            "smtp: A00001: to=<b@y>, relay=none, status=deferred (refused)",
        ],
    )
    def test_what_was_put_in_anew_is_what_became_of_it_then(
        self, before: str, later: str, expected: str, tmp_path: Path
    ) -> None:
        """``postsuper -r`` gives it another queue id: nothing lies under the old one."""
        found = of_lines(
            tmp_path,
            f"""
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 {before}
            mx1 postsuper: A00001: requeued
            mx1 pickup: B00001: uid=102 from=<a@x> orig_id=A00001
            mx1 cleanup: B00001: message-id=<1@x>
            mx1 qmgr: B00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 {later}
            """
            + ("" if expected == "queued" else "mx1 qmgr: B00001: removed"),
        )
        assert counts(found) == {expected or "delivered": 1}

    @pytest.mark.parametrize("status", ["deliverable (delivers to maildir)", "undeliverable (no)"])
    def test_a_probe_is_no_mail(self, status: str, tmp_path: Path) -> None:
        """Whoever asks about an address (``reject_unverified_recipient``, ``sendmail -bv``)."""
        found = of_lines(
            tmp_path,
            f"""
            mx1 cleanup: A00001: message-id=<A00001@mx1>
            mx1 qmgr: A00001: from=<double-bounce@mx1>, size=1, nrcpt=1 (queue active)
            mx1 virtual: A00001: to=<b@y>, relay=virtual, status={status}
            mx1 qmgr: A00001: removed
            """,
        )
        assert counts(found) == {}

    @pytest.mark.parametrize("seconds", [0, 10])
    @pytest.mark.parametrize(
        ("parts", "expected"),
        [
            (["sent (delivered to file: /m/b)", "sent (delivered to command: vacation)"], ""),
            (["sent (delivered to mailbox)", "sent (delivered to file: /m/b)"], ""),
            (["sent (delivered to mailbox)", "bounced (Command died: vacation)"], ""),
            (["sent (delivered to file: /dev/null)", "sent (delivered to mailbox)"], ""),
            (
                ["sent (delivered to command: a)", "sent (delivered to file: /dev/null)"],
                "handed on",
            ),
            (["bounced (Command died: a)", "sent (delivered to file: /dev/null)"], "failed"),
        ],
    )
    @pytest.mark.parametrize("turned", [False, True])
    def test_what_an_alias_leads_to_is_one_delivery(
        self, parts: list[str], expected: str, seconds: int, turned: bool, tmp_path: Path
    ) -> None:
        """In any order, in one second or not: a file, a program, /dev/null (aliases(5))."""
        said = [
            "smtpd: A00001: client=app[192.0.2.9]",
            "cleanup: A00001: message-id=<1@x>",
            "qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)",
            *(
                f"local: A00001: to=<b@y>, relay=local, status={part}"
                for part in (reversed(parts) if turned else parts)
            ),
            "qmgr: A00001: removed",
        ]
        written = [
            bsd(1_767_200_000.0 + at * seconds, "mx1", *each.split(": ", 1))
            for at, each in enumerate(said)
        ]
        found = read(put(tmp_path / "mail.log", written))
        assert counts(found) == {expected or "delivered": 1}

    def test_an_expired_message_has_failed(self, tmp_path: Path) -> None:
        """For all recipients for whom it was still put off."""
        found = of_lines(
            tmp_path,
            """
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=2 (queue active)
            mx1 virtual: A00001: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
            mx1 smtp: A00001: to=<c@z>, relay=none, delay=1, status=deferred (timed out)
            mx1 qmgr: A00001: from=<a@x>, status=expired, returned to sender
            mx1 qmgr: A00001: removed
            """,
        )
        assert counts(found) == {"delivered": 1, "failed": 1}

    def test_a_client_that_went_away_was_promised_nothing(self, tmp_path: Path) -> None:
        """A queue id that was given out, and no message in the queue."""
        found = of_lines(tmp_path, "mx1 smtpd: A00001: client=app[192.0.2.9]")
        assert not found.ordered

    def test_a_recipient_of_whom_no_line_tells(self, tmp_path: Path) -> None:
        """The server was done with it, and one of two is not told of: unknown, never delivered."""
        found = of_lines(
            tmp_path,
            """
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=2 (queue active)
            mx1 virtual: A00001: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
            mx1 qmgr: A00001: removed
            """,
        )
        assert counts(found) == {"delivered": 1, "unknown": 1}

    def test_a_check_that_redirects_delivers_nothing_to_the_recipient(self, tmp_path: Path) -> None:
        """It is in somebody else's mailbox: that is no alias, and no arrival."""
        found = of_lines(
            tmp_path,
            """
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: redirect: header X: y from a[1]; from=<a@x> to=<b@y> helo=<a>: c@y
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 virtual: A00001: to=<c@y>, relay=virtual, status=sent (delivered to maildir)
            mx1 qmgr: A00001: removed
            """,
        )
        assert counts(found) == {"delivered": 1, "unknown": 1}
        assert found.undelivered[0].leg.said == "redirected to c@y"

    def test_lines_that_changed_places(self, tmp_path: Path) -> None:
        """That a message is over stands before what became of it: both are of one second."""
        world = busy()
        world.send(["discarded", "failed"])
        for host in world.hosts.values():
            removed = [at for at, line in enumerate(host.lines) if line[2].endswith(": removed")]
            for at in removed:
                before = host.lines[at - 1]
                if before[2].partition(":")[0] == host.lines[at][2].partition(":")[0]:
                    host.lines[at - 1 : at + 1] = [host.lines[at], before]
        assert counts(read(*written(world, tmp_path))) == world.truth

    def test_what_a_queue_manager_cannot_read_is_held(self, tmp_path: Path) -> None:
        """It lies where only a person looks, and is not in the queue any more."""
        found = of_lines(
            tmp_path,
            """
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 qmgr: warning: saving corrupt file "A00001" from queue "active" to queue "corrupt"
            """,
        )
        assert counts(found) == {"held": 1}

    def test_a_queue_id_that_is_given_out_again_holds_nothing_any_more(
        self, tmp_path: Path
    ) -> None:
        """The line that ends the first message is missing: it left, and is not queued for ever."""
        found = of_lines(
            tmp_path,
            """
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<2@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 virtual: A00001: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
            mx1 qmgr: A00001: removed
            """,
        )
        assert counts(found) == {"delivered": 1, "unknown": 1}

    @pytest.mark.parametrize("copies", [1, 2])
    def test_a_message_sent_again_under_the_same_queue_id_came_twice(
        self, copies: int, tmp_path: Path
    ) -> None:
        """A client got no answer and sent it once more; a log that is there twice is no arrival."""
        lines = [
            line
            for at in ("10:00:01", "10:02:03")
            for line in (
                f"Nov 30 {at} mx1 postfix/smtpd[1]: A00001: client=app[192.0.2.9]",
                f"Nov 30 {at} mx1 postfix/cleanup[2]: A00001: message-id=<1@x>",
                f"Nov 30 {at} mx1 postfix/qmgr[3]: A00001: from=<a@x>, size=1, nrcpt=1"
                " (queue active)",
                f"Nov 30 {at} mx1 postfix/virtual[4]: A00001: to=<b@y>, relay=virtual, status=sent"
                " (delivered to maildir)",
                f"Nov 30 {at} mx1 postfix/qmgr[3]: A00001: removed",
            )
        ]
        # Not the same to the byte: the second begins later, as a rotated set does that overlaps.
        files = [lines[each:] for each in range(copies)]
        for number, content in enumerate(files):
            (tmp_path / f"mail.log{'.1' * number}").write_text("\n".join(content) + "\n")
        assert counts(read(tmp_path)) == {"duplicated": 1}

    def test_delivered_twice_under_one_queue_id(self, tmp_path: Path) -> None:
        """A server that was killed after the delivery, and had not put it down."""
        found = of_lines(
            tmp_path,
            """
            mx1 smtpd: A00001: client=app[192.0.2.9]
            mx1 cleanup: A00001: message-id=<1@x>
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 virtual: A00001: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
            mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
            mx1 virtual: A00001: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
            mx1 qmgr: A00001: removed
            """,
        )
        assert counts(found) == {"duplicated": 1}


PIPE_FAILS = "** |/bin/f <u@y> R=al T=address_pipe: Child process of address_pipe returned 1"
REQUEUED = """
    mx1 smtpd: A00001: client=app[192.0.2.9]
    mx1 cleanup: A00001: message-id=<1@x>
    mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=2 (queue active)
    mx1 virtual: A00001: to=<c@y>, relay=virtual, status=sent (delivered to maildir)
    {tried}
    mx1 postsuper: A00001: requeued
    mx1 pickup: A00002: uid=102 from=<a@x> orig_id=A00001
    mx1 cleanup: A00002: message-id=<1@x>
    {then}
    """


ACTIVE = "mx1 qmgr: A00002: from=<a@x>, size=1, nrcpt=1 (queue active)"


@pytest.mark.parametrize(
    "tried", ["", "mx1 smtp: A00001: to=<b@y>, relay=none, status=deferred (no)"]
)
@pytest.mark.parametrize(
    ("then", "account"),
    [
        ([], "queued"),
        ([ACTIVE], "queued"),
        ([ACTIVE, "mx1 smtp: A00002: to=<b@y>, relay=none, status=deferred (no)"], "queued"),
        (
            [
                ACTIVE,
                "mx1 local: A00002: to=<b@y>, relay=local, status=sent (delivered to mailbox)",
            ],
            "delivered",
        ),
        (
            [ACTIVE, "mx1 error: A00002: to=<d@y>, orig_to=<b@y>, relay=none, status=bounced (no)"],
            "failed",
        ),
        ([ACTIVE, "mx1 postsuper: A00002: removed"], "discarded"),
        (["mx1 postsuper: A00002: removed"], "discarded"),
    ],
)
def test_what_was_put_in_anew_is_told_once(
    tmp_path: Path, tried: str, then: list[str], account: str
) -> None:
    """``postsuper -r``: whether it is still there under its new queue id, or over."""
    found = of_lines(tmp_path, REQUEUED.format(tried=tried, then="\n".join(then)))
    assert counts(found) == Counter(["delivered", account])


CUT_THROUGH = """\
2026-01-01 10:00:01 1xXr51-0005wU-1T >> b@y R=r T=t H=mx.y [10.0.0.7] C="250 OK id=1xXr99-0005wU-1T"
2026-01-01 10:00:02 1xXr51-0005wU-1T <= a@x H=app [192.0.2.9] P=esmtp S=262 id=1@x
2026-01-01 10:00:02 1xXr51-0005wU-1T Completed
2026-01-01 10:00:03 1xXr52-0005wU-1T (= a@x H=app [192.0.2.9] P=esmtp S=262 id=2@x
2026-01-01 10:00:04 1xXr52-0005wU-1T => b <b@y> R=l T=mail_spool
2026-01-01 10:00:04 1xXr52-0005wU-1T Completed
2026-01-01 10:00:05 1xXr53-0005wU-1T <= a@x H=app [192.0.2.9] P=esmtp S=262 id=3@x
2026-01-01 10:00:06 1xXr53-0005wU-1T address <b@y> marked delivered by root
2026-01-01 10:00:07 1xXr53-0005wU-1T Completed
2026-01-01 10:00:08 1xXr54-0005wU-1T <= a@x H=app [192.0.2.9] P=esmtp S=262 id=4@x
2026-01-01 10:00:09 1xXr54-0005wU-1T Format error in spool file 1xXr54-0005wU-1T-H: size=0
2026-01-05 10:00:09 1xXr54-0005wU-1T Message removed because older than 4d
2026-01-05 10:00:10 1xXr55-0005wU-1T <= a@x H=app [192.0.2.9] P=esmtp S=262 id=5@x
2026-01-05 10:00:10 1xXr55-0005wU-1T rescind the above message-accept
2026-01-05 10:00:11 1xXr56-0005wU-1T <= a@x H=app [192.0.2.9] P=esmtp S=262 id=6@x
2026-01-05 10:00:11 1xXr56-0005wU-1T no immediate delivery: queued by ACL
2026-01-05 10:00:12 1xXr57-0005wU-1T <= a@x H=app [192.0.2.9] P=esmtp S=262 id=7@x
2026-01-05 10:00:12 1xXr57-0005wU-1T original recipients ignored (system filter)
2026-01-05 10:00:12 1xXr57-0005wU-1T => q@y <system-filter> R=l T=mail_spool
2026-01-05 10:00:12 1xXr57-0005wU-1T Completed
"""


def test_what_an_exim_does_seldom(tmp_path: Path) -> None:
    """Cutthrough, fakereject, an administrator's hand, a damaged spool: one word for each."""
    found = read(put(tmp_path / "mx1" / "mainlog", [CUT_THROUGH.encode()]))
    assert counts(found) == {
        "delivered": 2,  # 2, and what the system filter sent to somebody else
        "discarded": 2,
        "handed on": 1,
        "queued": 1,
        "refused": 1,
        "unknown": 1,
    }
    told = {fate.leg.message: (fate.account, fate.leg.by) for fate in found.undelivered}
    assert told == {
        "<1@x>": ("handed on", "mx.y[10.0.0.7]:25"),
        "<3@x>": ("discarded", "root"),
        "<4@x>": ("discarded", "exim"),
        "<6@x>": ("queued", ""),
        "<7@x>": ("unknown", "a system filter"),
    }


def instance(tag: str, *texts: str, at: int = 0) -> list[bytes]:
    """Lines of one host with a tag of their own, ten seconds apart."""
    return [
        f"Jan  1 10:{at + number:02}:00 mx1 {tag}/{text}\n".encode()
        for number, text in enumerate(texts)
    ]


def passed(tag: str, message: str, end: str, by: str, at: int) -> list[bytes]:
    """A message under the queue id that all instances have given out, in one of them."""
    return instance(
        tag,
        "smtpd[7]: A00001: client=app[192.0.2.9]",
        f"cleanup[7]: A00001: message-id={message}",
        "qmgr[7]: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)",
        f"{by}[7]: A00001: to=<b@y>, {end}",
        "qmgr[7]: A00001: removed",
        at=at,
    )


def test_instances_of_one_host_are_told_apart(tmp_path: Path) -> None:
    """Two queues give out one queue id at one time, and their lines stand between each other."""
    sent_on = "relay=127.0.0.1[127.0.0.1]:10025, status=sent (250 2.0.0 Ok: queued as A00001)"
    kept = "relay=virtual, status=sent (delivered to maildir)"
    first = passed("postfix", "<1@x>", sent_on, "smtp", 0)
    second = passed("postfix-out", "<1@x>", kept, "virtual", 0)
    third = passed("postfix-out", "<2@x>", "relay=none, status=bounced (no)", "error", 10)
    fourth = passed("postfix", "<3@x>", kept, "virtual", 10)
    lines = [line for pair in zip(first + fourth, second + third, strict=True) for line in pair]
    found = read(put(tmp_path / "mail.log", lines))
    assert counts(found) == {"delivered": 2, "failed": 1}
    assert [fate.host for fate in found.undelivered] == ["mx1 (postfix-out)"]
    assert set(found.servers) == {"mx1", "mx1 (postfix-out)"}


@pytest.mark.parametrize("tag", ["postfix/submission", "postfix-submission", "mx/in"])
def test_a_service_with_a_name_of_its_own_is_no_instance(tmp_path: Path, tag: str) -> None:
    """``-o syslog_name=`` of a service in master.cf: its mail is in the one queue that there is."""
    main = passed(
        "postfix", "<0@x>", "relay=virtual, status=sent (delivered to maildir)", "virtual", 0
    )
    own = passed("postfix", "<1@x>", "relay=none, status=sent (x)", "discard", 10)
    own[0] = own[0].replace(b"postfix/", f"{tag}/".encode(), 1)
    own[3] = own[3].replace(b"postfix/", f"{tag}/".encode(), 1)
    found = read(put(tmp_path / "mail.log", main + own))
    assert counts(found) == {"delivered": 1, "discarded": 1}
    assert set(found.servers) == {"mx1"}


EXIM = """\
2026-01-01 10:00:01 1xXr51-0005wU-1T <= app@x H=app [192.0.2.9] P=esmtp S=262 id=1@y
2026-01-01 10:00:02 1xXr51-0005wU-1T => anna@y R=on T=on H=b [10.0.0.7] C="250 queued as A00001"
2026-01-01 10:00:02 1xXr51-0005wU-1T Completed
2026-01-01 10:00:03 1xXr52-0005wV-1T <= app@x H=app [192.0.2.9] P=esmtp S=262 id=2@y
2026-01-01 10:00:03 1xXr52-0005wV-1T => :blackhole: <anna@y> R=aliases
2026-01-01 10:00:03 1xXr52-0005wV-1T Completed
2026-01-01 10:00:04 1xXr53-0005wW-1T <= app@x H=app [192.0.2.9] P=esmtp S=262 id=3@y
2026-01-01 10:00:04 1xXr53-0005wW-1T == anna@y R=onward T=onward defer (111): Connection refused
"""


def test_exim_hands_on_to_postfix(tmp_path: Path) -> None:
    """Of two hosts, one of which names itself by its folder only."""
    put(tmp_path / "hub1" / "mainlog", [EXIM.encode()])
    lines = (
        "smtpd[1]: A00001: client=hub1[10.0.0.1]",
        "cleanup[1]: A00001: message-id=<1@y>",
        "qmgr[1]: A00001: from=<app@x>, size=1, nrcpt=1 (queue active)",
        "virtual[1]: A00001: to=<anna@y>, relay=virtual, status=sent (delivered to maildir)",
        "qmgr[1]: A00001: removed",
    )
    put(
        tmp_path / "mbx1" / "mail.log",
        [f"2026-01-01T10:00:02+00:00 mbx1 postfix/{line}\n".encode() for line in lines],
    )
    found = read(tmp_path)
    assert counts(found) == {"delivered": 1, "discarded": 1, "queued": 1}
    assert set(found.servers) == {"hub1", "mbx1"}


def test_what_another_server_rejected_for_now_is_exims_still(tmp_path: Path) -> None:
    """Its words stand in a line that begins like those of mail that Exim turned down."""
    queue_id = "2026-01-01 10:00:01 1xXr51-0005wU-1T"
    said = "451 4.7.1 Greylisted: rejected by policy for now"
    remote = f"SMTP error from remote mail server after RCPT TO:<anna@y>: {said}"
    lines = (
        "<= app@x H=app [192.0.2.9] P=esmtp S=262 id=1@y",
        f"H=mx.y [10.0.0.7]: {remote}",
        f"== anna@y R=out T=remote_smtp defer (-44) H=mx.y [10.0.0.7]: {remote}",
    )
    end = ('=> anna@y R=out T=lmtp H=mx.y [10.0.0.7] C="250 2.0.0 <anna@y> Zx1 Saved"', "Completed")
    for name, all_of, expected in (("a", lines, "queued"), ("b", (*lines, *end), "delivered")):
        log = [f"{queue_id} {line}\n".encode() for line in all_of]
        assert counts(read(put(tmp_path / name / "mainlog", log))) == {expected: 1}


def test_haproxy_is_told_by_server(tmp_path: Path) -> None:
    """Sessions, and those that did not end in good order; a balancer knows no messages."""
    line = "10.0.0.7:4709{} [01/Jan/2026:10:00:0{}.606] smtp smtp/ht{} 1/0/23 12 {} 1/1/0/0/0 0/0"
    log = [
        f"Jan  1 10:00:0{n} lb1 haproxy[812]: {line.format(n, n, n % 2, '--' if n else 'SD')}\n"
        for n in range(6)
    ]
    log.append("Jan  1 10:00:09 lb1 haproxy[812]: Server smtp/ht1 is DOWN, reason: timeout.\n")
    put(tmp_path / "haproxy.log", [each.encode() for each in log])
    status, output = told(tmp_path)
    assert status == 3
    assert "smtp/ht0" in output
    found = read(tmp_path)
    assert found.balancers["lb1"]["smtp/ht0"] == {"sessions": 3, "broken_off": 1}
    assert any("smtp/ht1 down" in change for change in found.changes["lb1"])


def test_a_balancer_s_log_has_no_messages_to_miss(tmp_path: Path) -> None:
    """What was handed on to a host of which only HAProxy's log is here is not lost."""
    world = busy()
    for host in world.hosts.values():
        host.lines = [
            (at, who, text.replace("relay=mbx1[", "relay=lb1[").replace("=mbx2[", "=lb1["))
            for at, who, text in host.lines
        ]
    paths = [path for path in written(world, tmp_path) if "mx" in path.name]
    session = "10.0.0.7:4709 [31/Dec/2025:23:50:00.606] smtp smtp/x 1/0/23 12 -- 1/1/0/0/0 0/0"
    log = "Dec 31 23:0{0}:00 lb1 haproxy[81]: {1}\nJan  1 10:0{0}:00 lb1 haproxy[81]: {1}\n"
    put(tmp_path / "haproxy.log", sorted(log.format(n, session).encode() for n in range(9)))
    found = read(*[path for path in paths if "mbx" not in path.name], tmp_path / "haproxy.log")
    assert counts(found) == {"handed on": 100}


class TestManyFiles:
    """A folder may hold ten thousand."""

    def test_files_of_one_size_are_not_compared_each_with_each(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is read to find copies grows with the files, and copies are found all the same."""
        for number in range(200):
            put(tmp_path / f"{number:03}" / "mail.log", [b"Jan  1 00:00:01 mx1 x: %03d\n" % number])
        for number in (7, 8):
            put(tmp_path / "copies" / f"{number}.log", [b"Jan  1 00:00:01 mx1 x: %03d\n" % number])
        looked, head_of = 0, files.head_of

        def counted(*given: Any) -> bytes:
            nonlocal looked
            looked += 1
            return head_of(*given)

        monkeypatch.setattr(files, "head_of", counted)
        found = files.find_logs([tmp_path])
        assert len(found.logs) == 200
        assert len(found.remarks) == 2
        assert looked <= 3 * 202


def at_the_next(to: str, agent: str = "smtp") -> list[bytes]:
    """A server that took the message at ten, and whose log goes on before and after."""
    lines = instance(
        "postfix",
        "smtpd[7]: 4XyzAB1cD2: client=hub1[10.0.0.1]",
        "cleanup[7]: 4XyzAB1cD2: message-id=<1@x>",
        "qmgr[7]: 4XyzAB1cD2: from=<a@x>, size=1, nrcpt=1 (queue active)",
        f"{agent}[7]: 4XyzAB1cD2: {to}",
        "qmgr[7]: 4XyzAB1cD2: removed",
    )
    around = [
        f"Jan  1 {hour}:00:00 mx1 postfix/qmgr[7]: {hour}BB: removed\n" for hour in ("09", "11")
    ]
    return [around[0].encode(), *lines, around[1].encode()]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("to=<s@y>, relay=far.y[192.0.2.77]:25, status=sent (250 OK)", {"handed on": 1}),
        ("to=<s@y>, relay=none, status=deferred (refused)", {"unknown": 1}),
        ("to=<u@y>, orig_to=<s@y>, relay=none, status=bounced (no)", {"failed": 1}),
        ("to=<u@y>, relay=none, status=bounced (no)", {"failed": 1}),
    ],
)
def test_an_exim_that_tells_no_reply_is_followed_by_name(
    tmp_path: Path, to: str, expected: dict[str, int]
) -> None:
    """Without ``smtp_confirmation`` no queue id tells where it went on: the host's name does."""
    log = """\
2026-01-01 10:00:00 1xXr51-0005wU-1T <= app@x H=app [192.0.2.9] P=esmtp S=262 id=1@x
2026-01-01 10:00:00 1xXr51-0005wU-1T => s@y R=on T=smtp H=mx1 [10.0.0.7]
2026-01-01 10:00:01 1xXr51-0005wU-1T Completed
"""
    put(tmp_path / "hub1" / "mainlog", [log.encode()])
    put(tmp_path / "mx1" / "mail.log", at_the_next(to))
    assert counts(read(tmp_path)) == expected


@pytest.mark.parametrize(
    ("whose", "account"), [("<1@x>", "delivered"), ("<2@x>", "lost")], ids=["there", "nowhere"]
)
@pytest.mark.parametrize("tag", ["postfix", "postfix-in"])
def test_whichever_postfix_of_a_host_has_it_has_it(
    tmp_path: Path, tag: str, whose: str, account: str
) -> None:
    """The sender's log names no queue id there, and the recipient has another name there."""
    log = """\
2026-01-01 10:05:00 1xXr51-0005wU-1T <= app@x H=app [192.0.2.9] P=esmtp S=262 id=1@x
2026-01-01 10:05:00 1xXr51-0005wU-1T => s@y R=on T=smtp H=mx1 [10.0.0.7]
2026-01-01 10:05:01 1xXr51-0005wU-1T Completed
"""
    put(tmp_path / "hub1" / "mainlog", [log.encode()])
    kept = "relay=virtual, status=sent (delivered to maildir)"
    lines = [
        *(
            line
            for each in ("postfix", "postfix-in")
            for at in (0, 20)
            for line in passed(each, f"<{each}{at}@x>", kept, "virtual", at)
        ),
        *passed(tag, whose, kept, "virtual", 5),
    ]
    put(tmp_path / "mx1" / "mail.log", sorted(lines, key=lambda line: line[:15]))
    expected = Counter({"delivered": 5})
    expected[account] += account == "lost"
    assert counts(read(tmp_path)) == expected


def test_one_log_under_two_names_of_its_host_tells_of_one_arrival(tmp_path: Path) -> None:
    """A collector may call a host by its address: the long queue ids are the same."""
    log = at_the_next("to=<s@y>, relay=virtual, status=sent (delivered to maildir)", "virtual")
    other = [
        line.replace(b" mx1 ", b" 10.0.0.1 ").replace(b"10:04:00", b"11:04:01") for line in log
    ]
    for folder, lines in (("mx1", log), ("collector", other)):
        put(tmp_path / folder / "mail.log", lines)
    assert counts(read(tmp_path)) == {"delivered": 1}
    for folder, lines in (("mx1", log), ("collector", other)):
        put(
            tmp_path / folder / "mail.log",
            [line.replace(b"4XyzAB1cD2", b"A0C1D2") for line in lines],
        )
    assert counts(read(tmp_path)) == {"duplicated": 1}


@pytest.mark.parametrize("goes", ["disconnect from h[1]", "connect from h[1]"])
@pytest.mark.parametrize("before", [0, 1])
def test_what_a_check_did_is_of_no_other_session(tmp_path: Path, goes: str, before: int) -> None:
    """A client that leaves after a redirect at RCPT has sent nothing that it is of."""
    found = of_lines(
        tmp_path,
        before
        * """
        mx1 smtpd: A00001: client=app[192.0.2.9]
        mx1 cleanup: A00001: message-id=<0@x>
        mx1 qmgr: A00001: from=<a@x>, size=1, nrcpt=1 (queue active)
        mx1 virtual: A00001: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
        mx1 qmgr: A00001: removed
        """
        + f"""
        mx1 smtpd: NOQUEUE: redirect: RCPT from h[1]: <v@y>: REDIRECT q@y; from=<a@x> to=<v@y>
        mx1 smtpd: {goes}
        mx1 smtpd: A00002: client=app[192.0.2.9]
        mx1 cleanup: A00002: message-id=<1@x>
        mx1 qmgr: A00002: from=<a@x>, size=1, nrcpt=1 (queue active)
        mx1 virtual: A00002: to=<b@y>, relay=virtual, status=sent (delivered to maildir)
        mx1 qmgr: A00002: removed
        """,
    )
    assert counts(found) == {"delivered": 1 + before}


@pytest.mark.parametrize(
    ("ends", "account"),
    [
        (["=> u <u@y> R=l T=mail_spool", PIPE_FAILS], "delivered"),
        ([PIPE_FAILS, "=> u <u@y> R=l T=mail_spool"], "delivered"),
        (["=> /var/a <u@y> R=l T=address_file", "=> /var/b <u@y> R=l T=address_file"], "delivered"),
        (["=> /var/a <u@y> R=l T=address_file"] * 2, "duplicated"),
        (["=> >a@x <u@y> R=vacation T=address_reply"], "unknown"),
        ([], "unknown"),
    ],
)
def test_what_an_exim_does_for_one_recipient_is_one_thing(
    tmp_path: Path, ends: list[str], account: str
) -> None:
    """A file and a program beside a mailbox; and what it was done with without a word."""
    came = "<= app@x H=app [192.0.2.9] P=esmtp S=262 id=1@x"
    lines = [
        f"2026-01-01 10:0{number}:00 1xXr51-0005wU-1T {each}\n".encode()
        for number, each in enumerate([came, *ends, "Completed"])
    ]
    assert counts(read(put(tmp_path / "mx1" / "mainlog", lines))) == {account: 1}


def test_a_tag_that_ends_at_the_slash_is_read_by_what_stands_behind(tmp_path: Path) -> None:
    """It is ``postfix`` for all of Postfix's programs where rsyslog writes ``%programname%``."""
    world = tier(7)
    for ends in (["delivered", "discarded"], ["failed", "queued"], ["alias"], ["filter"]):
        world.send(ends)
    for name, host in world.hosts.items():
        lines = (re.sub(rb" postfix/\w+\[", b" postfix[", line) for line in log_of(host))
        put(tmp_path / f"{name}.log", lines)
    assert counts(read(tmp_path)) == world.truth


@pytest.mark.parametrize(
    ("came", "then", "accounts"),
    [
        ("b@y c@y", ["=> b <b@y> R=l T=mail_spool"], {"delivered": 1, "unknown": 1}),
        ("b@y", ["=> b <b@y> R=l T=mail_spool"], {"delivered": 1}),
        ("B@y b@y", ["=> b <b@y> R=l T=mail_spool"], {"delivered": 1}),
        ("b@y " * 2000 + "c@y", ["=> b <b@y> R=l T=mail_spool"], {"delivered": 1}),  # cut off
        # Two aliases of one mailbox: the second address is a duplicate, of which no line tells.
        ("i@y j@y", ["=> b <i@y> R=l T=mail_spool"], {"delivered": 1}),
        (
            "b@y c@y",
            ["=> b <b@y> R=l T=mail_spool", "-> c <c@y> R=l T=mail_spool"],
            {"delivered": 2},
        ),
    ],
)
@pytest.mark.parametrize("subject", ["", ' T="one for all@y" from <a@x>'])
def test_whom_an_exim_was_asked_for_and_tells_nothing_of_is_unknown(
    tmp_path: Path, subject: str, came: str, then: list[str], accounts: dict[str, int]
) -> None:
    """With ``+received_recipients``: done with the message, and one of two is in no line."""
    begin = f"<= a@x H=app [192.0.2.9] P=esmtp S=262 id=1@x{subject} for {came}"
    lines = [
        f"2026-01-01 10:00:0{second} 1xXr51-0005wU-1T {said}\n"
        for second, said in enumerate([begin, *then, "Completed"])
    ]
    (tmp_path / "mainlog").write_text("".join(lines))
    assert counts(read(tmp_path)) == accounts


@pytest.mark.parametrize("piece", ["to=<a> ", "to=<", " => a@b ", " => a@a@a", " -> a"])
def test_no_line_of_another_server_takes_long(tmp_path: Path, piece: str) -> None:
    """Whether it tells of a delivery is asked of every line that nobody understands."""
    line = f"Nov 30 10:00:00 mx1 other[1]: {piece * (60_000 // len(piece))}\n"
    (tmp_path / "mail.log").write_text(line * 2)
    began = time.process_time()
    read(tmp_path)
    assert time.process_time() - began < 1.0


BESIDE = {
    "a copy for an archive": (
        "mx1 virtual: A1B2C3: to=<archive@x.test>, orig_to=<u@x.test>, relay=virtual,"
        " delay=0, dsn=2.0.0, status=sent (delivered to maildir)",
        {"delivered": 1, "handed on": 1},
    ),
    "nobody": ("", {"handed on": 1}),
}


@pytest.mark.parametrize("who", BESIDE)
def test_who_gets_a_copy_stands_in_for_nobody(tmp_path: Path, who: str) -> None:
    """What went on to a server without a log is not there because an archive of ours has it."""
    beside, expected = BESIDE[who]
    found = of_lines(
        tmp_path,
        f"""
        mx1 smtpd: A1B2C3: client=app[10.0.0.9]
        mx1 cleanup: A1B2C3: message-id=<1@app>
        mx1 qmgr: A1B2C3: from=<app@x>, size=9, nrcpt={1 + bool(beside)} (queue active)
        mx1 smtp: A1B2C3: to=<u@x.test>, relay=far[10.0.0.3]:25, status=sent (250 Ok)
        {beside}
        mx1 qmgr: A1B2C3: removed
        """,
    )
    assert counts(found) == expected
    assert found.status is Status.UNKNOWN


def test_who_comes_of_a_recipient_further_on_stands_in_for_it(tmp_path: Path) -> None:
    """A filter puts mail in anew, and an alias behind it leads to the recipient's mailbox."""
    found = of_lines(
        tmp_path,
        """
        mx1 smtpd: A1B2C3: client=app[10.0.0.9]
        mx1 cleanup: A1B2C3: message-id=<1@app>
        mx1 qmgr: A1B2C3: from=<app@x>, size=9, nrcpt=1 (queue active)
        mx1 pipe: A1B2C3: to=<u@x.test>, relay=scan, delay=0, dsn=2.0.0, status=sent (delivered via scan service)
        mx1 qmgr: A1B2C3: removed
        mx1 pickup: B1B2C3: uid=99 from=<app@x>
        mx1 cleanup: B1B2C3: message-id=<1@app>
        mx1 qmgr: B1B2C3: from=<app@x>, size=9, nrcpt=1 (queue active)
        mx1 virtual: B1B2C3: to=<box@x.test>, orig_to=<u@x.test>, relay=virtual, delay=0, dsn=2.0.0, status=sent (delivered to maildir)
        mx1 qmgr: B1B2C3: removed
        """,  # noqa: E501
    )
    assert counts(found) == {"delivered": 1}
    assert found.status is Status.PASS


_MANY = "9" * 5000
_ODD = {
    "a process of RFC 3164": f"Dec  1 03:00:00 mx1 postfix/smtp[{_MANY}]: A1B2C3: x",
    "a process without a frame": f"postfix/smtp[{_MANY}]: A1B2C3: x",
    "a process of RFC 5424": f"<22>1 2026-12-01T03:00:00Z mx1 postfix/smtp {_MANY} - - A1B2C3: x",
    "a digit that is none": "<22>1 2026-12-01T03:00:00Z mx1 postfix/smtp \u00b2 - - A1B2C3: x",
    "an Exim's process": f"2026-12-01 03:00:00 [{_MANY}] 1xVojD-00001Y-04 Completed",
    "JSON": json.dumps({"message": "A1B2C3: x", "program": "postfix/smtp", "pid": _MANY}),
    "a time far away": json.dumps(
        {"message": "A1B2C3: removed", "program": "postfix/qmgr", "time": 9 * 10**18}
    ),
    "half a character": json.dumps(
        {
            "message": "A1B2C3: to=<\ud800@x>, relay=virtual, status=sent (delivered to maildir)",
            "program": "postfix/virtual",
            "host": "\ud800",
        }
    ),
    "half a character in an event": json.dumps(
        {
            "event": "sieve_action_finished",
            "hostname": "\ud800",
            "fields": {"action_name": "discard", "user": "\ud800", "message_id": "<\ud800@a>"},
        }
    ),
    "recipients": "Dec  1 03:00:00 mx1 postfix/qmgr[1]: A1B2C3: from=<a@x>, size=1,"
    f" nrcpt={_MANY} (queue active)",
}


@pytest.mark.parametrize("what", _ODD)
def test_no_number_and_no_letter_is_too_strange(tmp_path: Path, what: str) -> None:
    """One line that no server writes takes no account of all others with it."""
    world = tier(1)
    world.send(["delivered"])
    logs = written(world, tmp_path)
    put(logs[0], [logs[0].read_bytes(), _ODD[what].encode() + b"\n", _ODD[what].encode() + b"\n"])
    assert read(tmp_path).counts["delivered"] >= 1
    told = CliRunner().invoke(cli, ["account", str(tmp_path)])
    assert told.exception is None or isinstance(told.exception, SystemExit)
