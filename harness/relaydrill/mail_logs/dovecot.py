"""What Dovecot's lines mean that tell of deliveries: its LMTP server, its LDA, and Sieve. Pure.

Lines are as Dovecot 2.2 to 2.4 and Pigeonhole write them, without their frame::

    lmtp(anna@contoso.com)<71><Zx1>: sieve: msgid=<1@app>: stored mail into mailbox 'INBOX'

From 2.3 on most say which action of a script it was: ``redirect action: forwarded to <…>``. Where
its events are exported (``event_exporter``, 2.3.7 and later), that of an action tells the same::

    stats: {"event":"sieve_action_finished","fields":{"action_name":"discard","user":…}}

What ``imap(…)`` says is of people who move their mail, and of no delivery. Its LMTP server says
``Saved`` to whoever brought a message, also where a script throws it away, sends it to somebody
else, or turns it down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.reading import NOTHING, Told
from relaydrill.mail_logs.shipped import written

PROGRAM: Final = "dovecot"
_ACTION_DONE: Final = "sieve_action_finished"
_SPEAKS_OF_MAIL: Final = (b"msgid=", _ACTION_DONE.encode())

_BOX: Final = r"(?:(?=.*+(?<=[')]))'.*'|\[SPECIAL-USE [^\]]*\])(?: \(.*\))?"
"""A mailbox as a script names it, or by its use; in brackets its name where that is another. How
the line ends is looked at first, so that none takes long."""

_DONE: Final = (
    r"(?:saved mail to (?P<saved>.+)"
    rf"|(?:stored mail into|left message in) mailbox (?P<stored>{_BOX}))"
    r"|(?:forwarded|discarded duplicate forward) to <(?P<forwarded>[^<>]*)>"
    r"|piped message to program [`'](?P<piped>.{0,300}?)'"
    r"|rejected message from (?P<rejected>.*)"
    r"|(?P<thrown>[Mm]arked message to be discarded.*"
    r"|not sending reject message (?:to <>|\(would cause second response).*)"
)
_LINE: Final = re.compile(
    r"(?:lmtp|lda|deliver)\((?:\d+, )?(?P<user>[^()\s]+)\)"
    r"(?:<[^<>]*>)??(?:<(?P<session>[^<>]*)>)?: (?:\S+[:,] ){0,20}?"
    # A long name is cut off. A format of one's own may put the subject, which says what it likes,
    # before what was done.
    r"msgid=(?:(?P<message><[^<>]*>)|unspecified\b|<[^<>]{150,250}\.\.\.)"
    rf".*[:,] (?P<what>{_DONE})$",
    re.S,
)
_EVENT: Final = re.compile(r"(?:stats: )?(?:Info: )?(?P<event>\{.*\}|event:.*)$", re.S)
_ACTIONS: Final = {
    **dict.fromkeys(("keep", "store", "fileinto"), Does.DELIVERED),
    **dict.fromkeys(("redirect", "pipe"), Does.HANDED_ON),
    **dict.fromkeys(("reject", "ereject"), Does.FAILED),
    "discard": Does.DISCARDED,
}
"""What an action of a script does, by the name that its event has for it."""

_SCRIPT: Final = "a Sieve script of Dovecot's"
_FINAL: Final = (Does.HANDED_ON, Does.FAILED, Does.DISCARDED)
"""What a message came to that was not kept: the first of these that was done to it."""


def speaks_of_mail(text: bytes) -> bool:
    """Whether a line may tell of a message: most are of clients that read their mail."""
    return any(each in text for each in _SPEAKS_OF_MAIL)


def read(text: str) -> Told:
    """What one line tells.

    `Told.message` is of the message, which has no queue id here: in its place is the name of the
    session, which an LMTP server's reply tells, too. A message without a Message-ID, or with one
    that stands in no brackets, is ``unspecified`` there: it is known by its session alone.
    """
    found = _LINE.match(text)
    if not found:
        return _of_event(text)
    if stored := found["stored"] or found["saved"]:
        does, by = Does.DELIVERED, f"Dovecot ({stored})"
    elif found["forwarded"]:
        does, by = Does.HANDED_ON, found["forwarded"]
    elif (piped := found["piped"]) is not None:
        does, by = Does.HANDED_ON, f"|{piped}"
    else:
        does, by = (Does.FAILED if found["rejected"] else Does.DISCARDED), _SCRIPT
    return Told(
        *(does, found["session"] or "", found["user"]),
        by=by,
        said=found["what"],
        message=found["message"] or "",
    )


def _of_event(text: str) -> Told:
    """What an exported event tells."""
    found = _EVENT.match(text) if _ACTION_DONE in text else None
    if not found:
        return NOTHING
    fields = {
        name: written(value) if isinstance(value, str) else value
        for name, value in _fields(found["event"]).items()
    }
    does = _ACTIONS.get(str(fields.get("action_name", "")))
    named = str(fields.get("message_id", ""))
    message = named if named.startswith("<") and named.endswith(">") else ""
    user, session = str(fields.get("user", "")), str(fields.get("session", ""))
    if does is None or not user or not (message or session):
        return NOTHING  # of another action, or of nobody's mail
    targets = ("fileinto_mailbox", "redirect_target", "pipe_program")
    to = next((str(fields[name]) for name in targets if fields.get(name)), "")
    by = f"Dovecot ({to or 'INBOX'})" if does is Does.DELIVERED else to or _SCRIPT
    return Told(does, session, user, by=by, said=f"{fields['action_name']} action", message=message)


def _fields(event: str) -> Mapping[str, Any]:
    """The fields of an event in either of its formats, ``json`` and ``tab-text``."""
    if event.startswith("{"):
        try:
            told = json.loads(event)
        except (ValueError, RecursionError):
            return {}
        if not isinstance(told, dict) or told.get("event") != _ACTION_DONE:
            return {}
        fields = told.get("fields")
        return fields if isinstance(fields, dict) else {}
    parts = event.split("\t")
    if parts[0] != f"event:{_ACTION_DONE}":
        return {}
    named = (part.removeprefix("field:").partition("=") for part in parts if part[:6] == "field:")
    return {name: value for name, _, value in named}


def comes_to(said: Iterable[Told]) -> Told | None:
    """What a delivery came to by all that was done to its message; None where it was kept."""
    done = {each.does: each for each in reversed([*said])}
    if Does.DELIVERED in done:
        return None
    return next((done[does] for does in _FINAL if does in done), None)


def accounts_of(address: str) -> frozenset[str]:
    """The names by which a mail store may know a recipient, in lower case."""
    local, _, domain = address.lower().rpartition("@")
    plain = local.partition("+")[0]
    return frozenset((address.lower(), local, plain, f"{plain}@{domain}")) - {""}
