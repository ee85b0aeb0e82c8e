"""Labs in which mail reaches others than those to whom it was sent: aliases, copies, groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from tests.real_mail.building import final, one_server
from tests.real_mail.lab import DOMAIN, USER, Built, Case, Site

_ALIASES: Final = "texthash:{folder}/etc/virtual"
_TRANSPORTS: Final = {"transport_maps": "texthash:{folder}/etc/transport"}
_ARCHIVE: Final = f"archive@{DOMAIN}"
_TO_ARCHIVE: Final = {"always_bcc": _ARCHIVE}
_USER_DISCARDED: Final = {"transport": f"{USER} discard:audit\n"}
_LOCAL: Final = {
    "mydestination": DOMAIN,
    "virtual_mailbox_domains": "",
    "myorigin": DOMAIN,
    "alias_maps": "texthash:{folder}/etc/aliases",
    "default_privs": "nobody",
    "recipient_delimiter": "+",
    # Root's files and pipes are written by local(8) as default_privs.
    "allow_mail_to_files": "alias",
    "allow_mail_to_commands": "alias",
}


def mapped(built: Built, **recipients: object) -> Built:
    """A lab whose inventory says who stands for a recipient."""
    people = {f"{name}@{DOMAIN}": others for name, others in recipients.items()}
    design = {**built.design, "attach": {"recipients": people}}
    return dataclasses.replace(built, design=design)


def _people(*names: str) -> list[str]:
    return [f"{name}@{DOMAIN}" for name in names]


def _plain(site: Site) -> Built:
    return one_server(final(site))


def _hyphen(site: Site) -> Built:
    return one_server(final(site, {"syslog_name": "postfix-mbx"}))


def _instance(site: Site) -> Built:
    return one_server(final(site, {"syslog_name": "mx-out.1"}))


def _long_ids(site: Site) -> Built:
    return one_server(final(site, {"enable_long_queue_ids": "yes"}))


def _virtual_alias(site: Site) -> Built:
    aliases = {"virtual": f"{USER} {', '.join(_people('anna', 'ben'))}\n"}
    server = final(site, {"virtual_alias_maps": _ALIASES}, tables=aliases)
    return mapped(one_server(server, "anna", "ben"), user=_people("anna", "ben"))


def _renamed(site: Site) -> Built:
    aliases = {"virtual": f"{USER} anna@{DOMAIN}\n"}
    return one_server(final(site, {"virtual_alias_maps": _ALIASES}, tables=aliases), "anna")


def _half_an_alias(site: Site) -> Built:
    """Of two behind an alias, one's mail is thrown away, and all are to have it."""
    tables = {
        "virtual": f"{USER} {', '.join(_people('anna', 'ben'))}\n",
        "transport": f"ben@{DOMAIN} discard:leavers\n",
    }
    server = final(site, {"virtual_alias_maps": _ALIASES, **_TRANSPORTS}, tables=tables)
    return mapped(one_server(server, "anna", "ben"), user=_people("anna", "ben"))


def _any_of_an_alias(site: Site) -> Built:
    tables = {
        "virtual": f"{USER} {', '.join(_people('anna', 'ben'))}\n",
        "transport": f"ben@{DOMAIN} discard:leavers\n",
    }
    server = final(site, {"virtual_alias_maps": _ALIASES, **_TRANSPORTS}, tables=tables)
    return mapped(one_server(server, "anna"), user={"any": _people("anna", "ben")})


def _copied(
    site: Site, settings: Mapping[str, str], tables: Mapping[str, str], *people: str
) -> Built:
    return one_server(final(site, settings, tables=tables), *people, copies=["archive"])


def _always_bcc(site: Site) -> Built:
    return _copied(site, _TO_ARCHIVE, {})


def _recipient_bcc(site: Site) -> Built:
    settings = {"recipient_bcc_maps": "texthash:{folder}/etc/bcc"}
    return _copied(site, settings, {"bcc": f"{USER} {_ARCHIVE}\n"})


def _sender_bcc(site: Site) -> Built:
    return _copied(site, {"sender_bcc_maps": f"static:{_ARCHIVE}"}, {})


def _archive_alone(site: Site) -> Built:
    return _copied(site, {**_TO_ARCHIVE, **_TRANSPORTS}, _USER_DISCARDED)


def _archive_alone_by_map(site: Site) -> Built:
    settings = {"recipient_bcc_maps": "texthash:{folder}/etc/bcc", **_TRANSPORTS}
    return _copied(site, settings, {"bcc": f"{USER} {_ARCHIVE}\n", **_USER_DISCARDED})


def _archive_of_an_alias(site: Site) -> Built:
    settings = {**_TO_ARCHIVE, "virtual_alias_maps": _ALIASES}
    tables = {"virtual": f"{USER} {', '.join(_people('anna', 'ben'))}\n"}
    built = _copied(site, settings, tables, "anna", "ben")
    return mapped(built, user=_people("anna", "ben"))


def _extension(site: Site) -> Built:
    """A recipient with an extension, whose mailbox is the one without."""
    built = one_server(final(site, {"recipient_delimiter": "+"}))
    tagged = f"user+drill@{DOMAIN}"
    return dataclasses.replace(
        built,
        design={"flows": {"relay": {"recipient": tagged}}},
        mailboxes={tagged: built.mailboxes[USER]},
    )


def _upper_case(site: Site) -> Built:
    built = one_server(final(site))
    return dataclasses.replace(
        built, design={"flows": {"relay": {"recipient": "User@Contoso.COM"}}}
    )


def _aliases(site: Site, text: str) -> Built:
    """The local delivery agent, with an alias file; Maildirs are named in it."""
    server = final(site, _LOCAL, tables={"aliases": text})
    return one_server(server)


def _local_file(site: Site) -> Built:
    return _aliases(site, "user {folder}/mail/user/\n")


def _local_alias(site: Site) -> Built:
    text = "user anna, ben\nanna {folder}/mail/anna/\nben {folder}/mail/ben/\n"
    server = final(site, _LOCAL, tables={"aliases": text})
    return mapped(one_server(server, "anna", "ben"), user=_people("anna", "ben"))


def _local_null(site: Site) -> Built:
    return _aliases(site, "user /dev/null\n")


def _local_pipe(site: Site) -> Built:
    return _aliases(site, 'user "|cat >/dev/null"\n')


def _local_file_and_null(site: Site) -> Built:
    return _aliases(site, "user {folder}/mail/user/, /dev/null\n")


def _archive_and_pipe(site: Site) -> Built:
    """The archive has it, and a program that swallows it; nobody else."""
    tables = {"transport": f"{USER} scan:\n"}
    service = "scan unix - n n - 4 pipe user=nobody argv=/bin/sh -c cat>/dev/null"
    server = final(site, {**_TO_ARCHIVE, **_TRANSPORTS}, services=[service], tables=tables)
    return one_server(server, copies=["archive"])


ALL: Final = (
    Case("local Maildir and /dev/null", _local_file_and_null, "pass", ("delivered",)),
    Case(
        *("archive, and a pipe", _archive_and_pipe, "unknown", ("handed on",), ("scan",)),
        copies=1,
    ),
    Case("virtual mailbox", _plain, "pass", ("delivered",)),
    Case("syslog_name with a hyphen", _hyphen, "pass", ("delivered",)),
    Case("syslog_name with a dot", _instance, "pass", ("delivered",)),
    Case("long queue ids", _long_ids, "pass", ("delivered",)),
    Case("virtual alias to two", _virtual_alias, "pass", ("delivered",), never=("duplicated",)),
    Case("virtual alias to one", _renamed, "pass", ("delivered",)),
    Case("virtual alias, one discards", _half_an_alias, "fail", ("discarded",), ("discard",)),
    Case("virtual alias, any of two", _any_of_an_alias, "pass", ("delivered",)),
    Case("always_bcc", _always_bcc, "pass", ("delivered",), (_ARCHIVE,), copies=1),
    Case("recipient_bcc", _recipient_bcc, "pass", ("delivered",), (_ARCHIVE,), copies=1),
    Case("sender_bcc", _sender_bcc, "pass", ("delivered",), (_ARCHIVE,), copies=1),
    Case("archive alone", _archive_alone, "fail", ("discarded",), ("discard",), copies=1),
    Case(
        *("archive alone, by a map", _archive_alone_by_map, "fail", ("discarded",), ("discard",)),
        copies=1,
    ),
    Case("archive of an alias", _archive_of_an_alias, "pass", ("delivered",), copies=1),
    Case("extension", _extension, "pass", ("delivered",)),
    Case("recipient in upper case", _upper_case, "pass", ("delivered",)),
    Case("local Maildir", _local_file, "pass", ("delivered",)),
    Case("local alias to two", _local_alias, "pass", ("delivered",), never=("duplicated",)),
    Case("local /dev/null", _local_null, "fail", ("discarded",), ("/dev/null",)),
    Case("local pipe", _local_pipe, "unknown", ("handed on",), ("cat >/dev/null",)),
)
