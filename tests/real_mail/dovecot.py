"""A Dovecot of its own: it takes mail by LMTP, keeps it in Maildirs, and shows it by IMAP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.real_mail.programs import Process, program

LMTP_PORT: Final = 24
IMAP_PORT: Final = 143

_CONFIGURATION: Final = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = {address}
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
lmtp_save_to_detail_mailbox = no
recipient_delimiter = +
default_vsz_limit = 0
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%n allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    address = {address}
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = {address}
    port = {lmtp}
  }}
}}
"""


@dataclass
class Dovecot:
    """One instance.

    Attributes:
        folder: Its own, with a short path.
        address: Its own.
        more: Further lines of configuration.
    """

    folder: Path
    address: str
    more: str = ""

    @property
    def log(self) -> Path:
        """Its log."""
        return self.folder / "dovecot.log"

    def mailbox(self, name: str) -> Path:
        """A Maildir of it."""
        return self.folder / "mail" / name

    def start(self) -> None:
        """Write its file, and return when it listens."""
        for part in ("run", "state", "mail"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "mail").chmod(0o777)
        self.log.touch(mode=0o666)
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self.folder, address=self.address, imap=IMAP_PORT, lmtp=LMTP_PORT
            )
            + self.more
        )
        command = [program("dovecot"), "-F", "-c", str(configuration)]
        self._running = Process(command, self.log, (self.address, LMTP_PORT))

    def stop(self) -> None:
        """End it."""
        self._running.stop()
