"""Parts that many labs have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from tests.real_mail.dovecot import Dovecot
from tests.real_mail.exim import PEOPLE, Exim
from tests.real_mail.haproxy import HAProxy
from tests.real_mail.lab import DOMAIN, USER, Built, Site
from tests.real_mail.postfix import Postfix

NOBODY: Final[Mapping[str, str]] = {}
BOXES: Final = "".join(f"{each}@{DOMAIN} {each}/\n" for each in PEOPLE)
"""A Maildir for each of some people; see ``virtual_mailbox_maps`` of virtual(8)."""


class MailServer(Protocol):
    """What hubs and final servers have in common."""

    address: str

    @property
    def log(self) -> Path:
        """Its log."""

    @property
    def queue(self) -> dict[str, list[str]]:
        """How its queue is printed."""

    def mailbox(self, name: str) -> Path:
        """A Maildir of it."""


def final(
    site: Site,
    settings: Mapping[str, str] = NOBODY,
    *,
    services: Sequence[str] = (),
    tables: Mapping[str, str] = NOBODY,
    name: str = "ht1",
    last: int = 11,
) -> Postfix:
    """A Postfix in which mail ends, in virtual Maildirs."""
    there = {
        "virtual_mailbox_domains": DOMAIN,
        "virtual_mailbox_maps": "texthash:{folder}/etc/boxes",
        **settings,
    }
    postfix = Postfix(
        site.folder / name, name, site.address(last), there, services, {"boxes": BOXES, **tables}
    )
    return site.run(postfix)


def hub(
    site: Site,
    onward: str,
    settings: Mapping[str, str] = NOBODY,
    *,
    services: Sequence[str] = (),
    tables: Mapping[str, str] = NOBODY,
    name: str = "ht1",
    last: int = 11,
) -> Postfix:
    """A Postfix that passes all mail on, by SMTP, to an address."""
    there = {"relay_domains": DOMAIN, "relay_transport": f"relay:[{onward}]:25", **settings}
    postfix = Postfix(site.folder / name, name, site.address(last), there, services, tables)
    return site.run(postfix)


def node(server: MailServer, *, logged: bool = True) -> dict[str, Any]:
    """How the inventory describes a hub.

    Args:
        server: The server.
        logged: Whether its log is at hand.
    """
    there: dict[str, Any] = {"address": server.address, "queue": server.queue}
    if logged and isinstance(server, Postfix | Exim):
        there["log"] = str(server.log)
    return there


def arrivals(server: MailServer) -> dict[str, Any]:
    """How the inventory says what arrives at a server: by its own log."""
    kind = "exim" if isinstance(server, Exim) else "postfix"
    return {f"{kind}_log": str(server.log)}


def one_server(server: MailServer, *people: str, copies: Sequence[str] = ()) -> Built:
    """A lab of one server, which is hub and mailbox server in one.

    Args:
        server: The server.
        people: Whose Maildirs are the user's; by default his own.
        copies: And those of others.
    """
    return Built(
        {
            "ht1": {"address": server.address, "queue": server.queue},
            "mbx": {"address": server.address, "arrivals": arrivals(server)},
        },
        mailboxes={USER: [server.mailbox(each) for each in people or ("user",)]},
        copies=[server.mailbox(each) for each in copies],
    )


def two_servers(front: MailServer, back: MailServer, *people: str, logged: bool = True) -> Built:
    """A hub, and the server in which mail ends.

    Args:
        front: The hub.
        back: The server in which mail ends.
        *people: Their mailboxes.
        logged: Whether the hub's log is at hand, too.
    """
    return Built(
        {
            "ht1": node(front, logged=logged),
            "mbx": {"address": back.address, "arrivals": arrivals(back)},
        },
        mailboxes={USER: [back.mailbox(each) for each in people or ("user",)]},
    )


def balanced(site: Site, hubs: Mapping[str, MailServer], back: MailServer) -> Built:
    """HAProxy, hubs, and the server in which mail ends."""
    there = {name: each.address for name, each in hubs.items()}
    balancer = site.run(HAProxy(site.folder / "lb1", site.address(20), there))
    attached = {name: {"address": each.address, "queue": each.queue} for name, each in hubs.items()}
    design = {
        "nodes": {
            **{name: {"role": "hub"} for name in hubs},
            "lb1": {
                "role": "balancer",
                "backends": list(hubs),
                "source": "snat",
                "vips": {"mail": {"ports": [25]}},
                "check": {
                    "kind": "smtp",
                    "interval": "1s",
                    "timeout": "1s",
                    "fall": 2,
                    "rise": 2,
                },
            },
        },
        "names": {"mail.contoso.com": "mail"},
        "flows": {"relay": {"to": "mail.contoso.com"}},
        "attach": {"vips": {"mail": {"address": balancer.address}}},
    }
    return Built(
        {
            **attached,
            "lb1": {"address": balancer.address},
            "mbx": {"address": back.address, "arrivals": arrivals(back)},
        },
        design,
        mailboxes={USER: [back.mailbox("user")]},
    )


def by_dovecot(site: Site, front: Postfix, dovecot: Dovecot, *, imap: bool) -> Built:
    """A Postfix that hands mail to Dovecot, by LMTP; seen in Postfix's log, or by IMAP."""
    seen: dict[str, Any] = arrivals(front)
    if imap:
        login = {"user": "env:MAIL_USER", "password": "env:MAIL_PASSWORD"}
        there = {"server": dovecot.address, "port": 143, "tls": "none", "login": login}
        seen = {"imap": there}
    return Built(
        {
            "ht1": node(front, logged=imap),
            "mbx": {"address": dovecot.address if imap else front.address, "arrivals": seen},
        },
        {"attach": {"allow": {"ports": [25, 143]}}},
        mailboxes={USER: [dovecot.mailbox("user")]},
    )
