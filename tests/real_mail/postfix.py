"""A Postfix of its own: configuration, queue, log and mailboxes in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.real_mail.programs import Process, program

_MAIN: Final = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = {name}.contoso.com
smtpd_banner = $myhostname ESMTP Postfix
inet_protocols = ipv4
inet_interfaces = 127.0.0.1
smtp_bind_address = {address}
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.62.0.0/16
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 10000
smtpd_hard_error_limit = 10000
smtp_tls_security_level = none
smtp_connect_timeout = 2s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
smtp_destination_concurrency_failed_cohort_limit = 100
smtputf8_enable = no
biff = no
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
virtual_transport = virtual
"""

_SERVICES: Final = (
    "{address}:25 inet n - n - - smtpd",
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "flush unix n - n 1000? 0 flush",
    "verify unix - - n - 1 verify",
    "proxymap unix - - n - - proxymap",
    "smtp unix - - n - - smtp",
    "relay unix - - n - - smtp",
    "showq unix n - n - - showq",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "local unix - n n - - local",
    "virtual unix - n n - - virtual",
    "lmtp unix - - n - - lmtp",
    "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache",
    "postlog unix-dgram n - n - 1 postlogd",
)

_OWN: Final = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"),
    *("private", "saved", "trace"),
)
_QUEUES: Final = {
    **dict.fromkeys(_OWN, (0o700, "root")),
    "maildrop": (0o730, "postdrop"),
    "public": (0o710, "postdrop"),
}
"""Mode and group of what lies in its queue directory, as ``postfix-files`` has it."""


@dataclass
class Postfix:
    """One instance.

    Attributes:
        folder: Its own, with a path of less than 80 characters.
        name: First part of its host name.
        address: Where it listens on port 25.
        settings: Of ``main.cf``. ``{folder}`` stands for its own.
        services: Further lines of ``master.cf``; one for a service that is there replaces it.
        tables: Files in its ``etc``, by name: for ``texthash:{folder}/etc/NAME``.
    """

    folder: Path
    name: str
    address: str
    settings: Mapping[str, str] = field(default_factory=dict)
    services: Sequence[str] = ()
    tables: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Its log."""
        return self.folder / "mail.log"

    @property
    def queue(self) -> dict[str, list[str]]:
        """The inventory's command that prints its queue."""
        return {"run": [program("postqueue"), "-c", str(self.folder / "etc"), "-j"]}

    def mailbox(self, name: str) -> Path:
        """A Maildir of it."""
        return self.folder / "mail" / name

    def start(self) -> None:
        """Write its files, and return when it listens."""
        self._write()
        etc = str(self.folder / "etc")
        command = ["/usr/lib/postfix/sbin/master", "-c", etc, "-d"]
        self._running = Process(command, self.log, (self.address, 25))

    def stop(self) -> None:
        """End it by its id, whatever state it is in."""
        self._running.stop()

    def _write(self) -> None:
        etc, queue = self.folder / "etc", self.folder / "queue"
        for made in (etc, queue / "pid", self.folder / "data", self.folder / "mail"):
            made.mkdir(parents=True)
        (self.folder / "mail").chmod(0o777)
        self.log.touch(mode=0o666)
        shutil.chown(self.folder / "data", "postfix")
        for name, (mode, group) in _QUEUES.items():
            (queue / name).mkdir()
            (queue / name).chmod(mode)
            shutil.chown(queue / name, "postfix", group)
        words = {"folder": str(self.folder), "name": self.name, "address": self.address}
        (etc / "main.cf").write_text(self._main(words))
        (etc / "master.cf").write_text(self._master(words))
        for name, text in self.tables.items():
            (etc / name).write_text(text.replace("{folder}", str(self.folder)))

    def _main(self, words: Mapping[str, str]) -> str:
        lines = dict(line.split(" =", 1) for line in _MAIN.format(**words).splitlines())
        for key, value in self.settings.items():
            lines[key] = " " + value.replace("{folder}", words["folder"])
        return "".join(f"{key} ={value}\n" for key, value in lines.items())

    def _master(self, words: Mapping[str, str]) -> str:
        lines: dict[tuple[str, ...], str] = {}
        for line in (*_SERVICES, *self.services):
            filled = line.replace("{folder}", words["folder"]).replace(
                "{address}", words["address"]
            )
            lines[tuple(filled.split()[:2])] = filled
        return "\n".join(lines.values()) + "\n"
