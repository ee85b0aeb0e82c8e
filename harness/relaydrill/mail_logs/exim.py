"""What each line of Exim's main log means: the one table of its flags and transports. Pure.

Lines are as Exim 4 writes them (its specification, chapter "Log files"), without their time::

    1xVojD-00001Y-04 => anna <sales@contoso.com> R=local_user T=local_delivery

The letters of a field are the same whatever ``log_selector`` adds; a local delivery names the local
part alone, so its domain is the original recipient's.
"""

from __future__ import annotations

import re
from typing import Final

from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.reading import (
    NOTHING,
    Takers,
    Told,
    is_for_others,
    is_swallowing,
    keeps_mail,
    queued_as,
    sends_back,
    store_says,
    throws_away,
)

QUEUE_ID: Final = r"[1-9]\w{5}-(?:\w{6}|\w{11})-(?:\w{2}|\w{4})"
_LINE: Final = re.compile(
    rf"(?:\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\S* (?:[+-]\d{{4}} )?)?(?:\[\d+\] )?(?P<id>{QUEUE_ID})"
    r"(?: (?P<rest>.*))?$",
    re.S,
)
_CAME: Final = re.compile(r"(?P<flag><|\()= (?P<sender>\S+)(?P<fields> .*)?$", re.S)
_ID_FIELD: Final = re.compile(r" id\*?=(?P<message>\S+)")
_SENT_TO: Final = re.compile(r' for (?P<all>[^"<>]+)$')
"""With ``log_selector = +received_recipients``, at the end: a subject ends with a quote."""

_CUT_OFF: Final = 8000
"""Characters of a line of which Exim may have left out the end (its buffer has 8 KiB)."""

_BEFORE_SUBJECT: Final = re.compile(r" (?:T=\"|from <)")
_PARENTS: Final = r"(?: \([^()]*\)){0,3}"
"""The addresses between a recipient and the one it came from (``log_selector = +all_parents``), in
one pair of brackets; a bound, so that no line takes long."""

_DELIVERY: Final = re.compile(
    rf"(?P<flag>=>|->|>>|\*>) (?P<to>.*?)(?P<parents>{_PARENTS} <(?P<orig>[^<>]*)>)?"
    r"(?P<fields>(?: [A-Z][A-Za-z0-9]*=.*)|)$",
    re.S,
)
_FIELD: Final = re.compile(r" (?P<name>[RT])=(?P<value>\S+)")
_HOST: Final = re.compile(
    r" H=(?P<host>\S{1,255})(?: \([^)]{0,255}\))? \[(?P<address>[^\]\s]{1,64})\]"
    r"(?::(?P<port>\d+))?"
)
"""With bounds, as all here that is looked for anywhere, so that no line takes long."""

_CONFIRMED: Final = ' C="'
_CONFIRMED_TO: Final = re.compile(r"\"(?: [A-Z]+=|$)")
_NOT_TAKEN: Final = re.compile(
    # A program has words of its own, a quoted local part spaces, a domain in brackets colons.
    r"(?:\*\*|==) (?P<to>[|/>].*?(?= <)|\"(?:[^\"\\]|\\.)*\"[^\s:]*|(?:[^\s:\[]|\[[^\s\]]*\])+)"
    rf"(?:{_PARENTS} <(?P<orig>[^>]*)>)?:?(?: (?P<why>.*))?$",
    re.S,
)
_SWALLOWED: Final = re.compile(
    r"=> (?:blackhole|discarded)(?: \((?P<why>.*?)\)(?::? (?P<text>.*))?| (?P<scan>[^<(].*))?$",
    re.S,
)
"""Without brackets it is local_scan() that speaks; ``=> blackhole <…>`` is a person's mailbox."""

_DROPPED: Final = re.compile(
    r" RCPT <(?P<to>[^>]*)>: discarded by (?P<by>\w+ ACL)(?P<why>: .*)?$", re.S
)
_REMOVED: Final = re.compile(
    r"(?:removed|cancelled) by (?P<who>.*)$|delivery cancelled by admin", re.S
)
_MARKED: Final = re.compile(r"address <(?P<to>.*)> marked delivered by (?P<who>.*)$", re.S)
_ADDED: Final = re.compile(r"recipient <(?P<to>.*)> added by (?P<who>.*)$", re.S)
_PARTLY_REFUSED: Final = re.compile(r"PRDR R=<(?P<to>.*)> (?:temporary )?refusal$", re.S)
_FROZEN: Final = re.compile(r"(?:\*\*\* )?(?:Message is )?frozen\b|frozen by ", re.I)
_THAWED: Final = re.compile(r"unfrozen by|thawed", re.I)
_TOO_OLD: Final = "Message removed because older than "
"""Of a spool file that cannot be read (``keep_malformed``): there will be no ``Completed``."""

_UNREADABLE: Final = ("Format error in spool file ", "Spool error: no recipients for ")
_RESCINDED: Final = "rescind the above message-accept"
_IGNORED: Final = "original recipients ignored (system filter)"
_SYSTEM_FILTER: Final = "system-filter"
"""In place of the address that a recipient came from, where a system filter has made it."""

_IN_BRACKETS: Final = ("|", "/", ":", ">", "save ")
"""How a destination begins that is nobody's address: whose it is stands in angle brackets."""
_FIELDS: Final = r"(?:[A-Za-z]+=(?:\"[^\"]*\"|<[^>]*>|\S+)|\([^)]*\)|\[[^\]]*\](?::\d+)?|[A-Z])"
_TURNED_DOWN: Final = re.compile(
    rf"(?:{_FIELDS} )+(?:temporarily )?(?:rejected |discarded (?:after|by|during)\b)"
)
"""Nothing but fields stands before the word: what another server said, or a warning, is none."""

_MAILBOX_TRANSPORT: Final = re.compile(
    r"local_?delivery|mail_?spool|mail_?dir|mbox|mail_?box|^box$|mailstore|virtual\w*delivery"
    r"|userdelivery|address_(?:file|directory)|append_?file|local_?mail|lmtp_local",
    re.I,
)
_NO_MAILBOX: Final = re.compile(
    r"pipe|filter|scan|spam|virus|clam|amavis|check|program|procmail|maildrop|quarantine|smtp"
    r"|archive|backup|copy|copies|journal|audit|reply|vacation|forward|trap|challenge|greylist",
    re.I,
)


def read(text: str, takers: Takers) -> Told | None:
    """What one line tells.

    Args:
        text: The line without its frame.
        takers: What is declared of who takes mail over.

    Returns:
        None for a line that looks like one of a message and is not to be understood.
    """
    found = _LINE.match(text)
    if not found:
        return _without_id(text)
    queue_id, rest = found["id"], found["rest"] or ""
    match rest[:3]:
        case "<= " | "(= ":
            return _came(queue_id, rest)
        case "=> " | "-> " | ">> " | "*> ":
            return _delivery(queue_id, rest, takers)
        case "** ":
            if rest.startswith("** mua_wrapper is set"):  # it speaks of all recipients
                return Told(Does.FAILED, queue_id, by="exim", said=rest)
            return _not_taken(Does.FAILED, queue_id, _NOT_TAKEN.match(rest))
        case "== ":
            return _not_taken(Does.DEFERRED, queue_id, _NOT_TAKEN.match(rest))
    return _other(queue_id, rest)


def _without_id(text: str) -> Told:
    """Of a session that has no message yet: one recipient of several may be thrown away."""
    if dropped := _DROPPED.search(text):
        why = f"discarded by {dropped['by']}" + (dropped["why"] or "")
        return Told(Does.DISCARDED, "", dropped["to"], by=dropped["by"], said=why)
    return NOTHING


def _came(queue_id: str, rest: str) -> Told | None:
    """A message that was taken; ``(=`` where its client was told 550 all the same (fakereject)."""
    found = _CAME.match(rest)
    if not found:
        return None
    fields = found["fields"] or ""
    # A subject stands behind the id, and may say what it likes.
    own = _BEFORE_SUBJECT.split(fields, maxsplit=1)[0]
    named = _ID_FIELD.search(own)
    sender = "" if found["sender"] == "<>" else found["sender"]
    return Told(
        Does.PROMISED,
        queue_id,
        message=f"<{named['message'].strip('<>')}>" if named else "",
        opens=True,
        sender=sender,
        nameless=not named,
        said="" if found["flag"] == "<" else "its client was told that it is rejected (fakereject)",
    )


def sent_to(text: str) -> tuple[str, ...]:
    """To whom a message came in, where the line says so that tells that it came; else nobody."""
    if len(text) >= _CUT_OFF:
        return ()
    found = _SENT_TO.search(text, max(0, text.rfind(" for ")))
    addresses = found["all"].split() if found else []
    return tuple(addresses) if all("@" in each for each in addresses) else ()


def _delivery(queue_id: str, rest: str, takers: Takers) -> Told | None:
    if swallowed := _SWALLOWED.match(rest):
        if scan := swallowed["scan"]:
            return Told(Does.DISCARDED, queue_id, by="local_scan()", said=scan)
        why, text = swallowed["why"] or "", swallowed["text"] or ""
        said = f"{why}: {text}" if text else why
        return Told(Does.DISCARDED, queue_id, by=_who_swallowed(why), said=said)
    found = _DELIVERY.match(rest)
    if not found:
        return None
    if found["flag"] == "*>":
        return NOTHING  # not really tried: -N
    to, fields = found["to"], found["fields"] or ""
    does, by, said, next_id = _took(to, fields, takers)
    recipient, original = _whom(to, _origin(found["orig"]))
    return Told(does, queue_id, recipient, original, by, said, next_id=next_id)


def _who_swallowed(why: str) -> str:
    return why.removesuffix(" discarded recipients") if why else "blackhole"


def _origin(address: str | None) -> str:
    """The address that a recipient came from; empty where a system filter has made it up."""
    return "" if address is None or address == _SYSTEM_FILTER else address


def _whom(to: str, original: str) -> tuple[str, str]:
    """The recipient's address, and the one that it came from; empty where that is the same.

    A mailbox's domain is not told, nor whose a file or a program is.
    """
    if to.startswith(_IN_BRACKETS):
        return original, ""
    if "@" not in to and original:
        to = f"{to}@{original.rpartition('@')[2]}"
    return to, "" if to.lower() == original.lower() else original


Taken = tuple[Does, str, str, str]


def _took(to: str, fields: str, takers: Takers) -> Taken:
    """What took it: does, by whom, what it said, and the queue id that it has there."""
    values = dict(_FIELD.findall(fields))
    transport = values.get("T", "").rstrip(":")
    if to.startswith(":blackhole:"):
        return (
            Does.DISCARDED,
            f":blackhole: (router {values['R']})" if "R" in values else to,
            "",
            "",
        )
    if to.startswith("/") and is_swallowing(to):
        return Does.DISCARDED, to, "", ""
    if to.startswith("/") and is_for_others(to):
        return Does.HANDED_ON, to, "", ""
    if to.startswith("|"):
        return _by_name(to, takers, recognised=keeps_mail(to))
    if to.startswith(">"):
        return Does.NOTHING, transport, "", ""  # an answer of a vacation program's
    said = _confirmed(fields)
    if throws_away(said):
        return Does.DISCARDED, _server(fields) or transport, said, ""
    if sends_back(said):
        return Does.FAILED, _server(fields) or transport, said, ""
    if host := _server(fields):
        is_mailbox = takers.is_mailbox(f"{transport} {host}", recognised=store_says(said))
        does = Does.DELIVERED if is_mailbox else Does.HANDED_ON
        return does, host, said, queued_as(said)
    recognised = store_says(said) or keeps_mail(transport) or _stores(transport)
    does, by, _, _ = _by_name(transport, takers, recognised=recognised)
    return does, to if to.startswith("/") else by, said, ""


def _confirmed(fields: str) -> str:
    """What the server said that took it; where the first of its marks has no end none has one."""
    begin = fields.find(_CONFIRMED)
    end = _CONFIRMED_TO.search(fields, begin + len(_CONFIRMED)) if begin >= 0 else None
    return fields[begin + len(_CONFIRMED) : end.start()] if end else ""


def _stores(transport: str) -> bool:
    """Whether a local transport is one of those into mailboxes, by its usual names."""
    return bool(_MAILBOX_TRANSPORT.search(transport)) and not _NO_MAILBOX.search(transport)


def _by_name(name: str, takers: Takers, *, recognised: bool) -> Taken:
    does = Does.DELIVERED if takers.is_mailbox(name, recognised=recognised) else Does.HANDED_ON
    return does, name, "", ""


def _server(fields: str) -> str:
    """``host[address]:port``, as Postfix writes it; empty where no server was connected to."""
    found = _HOST.search(fields)
    return f"{found['host']}[{found['address']}]:{found['port'] or 25}" if found else ""


def _not_taken(does: Does, queue_id: str, found: re.Match[str] | None) -> Told | None:
    """What was given up, or put off, for one recipient; None where the line says neither."""
    if not found:
        return None
    to, why = found["to"], found["why"] or ""
    if to.startswith(">"):
        return NOTHING  # an answer of a vacation program's
    recipient, original = _whom(to, _origin(found["orig"]))
    return Told(does, queue_id, recipient, original, _server(f" {why}"), why)


def _other(queue_id: str, rest: str) -> Told:
    if rest == "Completed" or rest.startswith("Completed QT="):
        return Told(Does.ENDED, queue_id, over=True)
    if removed := _REMOVED.match(rest):
        who = removed["who"] or "an administrator"
        # What is cancelled is returned to its sender; what is removed is not.
        does = Does.DISCARDED if rest.startswith("removed") else Does.FAILED
        return Told(does, queue_id, by=who, said=rest)
    if _THAWED.match(rest):
        return Told(Does.PROMISED, queue_id, said=rest)
    if _FROZEN.match(rest) or rest.startswith(_UNREADABLE):
        return Told(Does.HELD, queue_id, by="exim", said=rest)
    if rest.startswith(("H=", "F=", "U=")) and _TURNED_DOWN.match(rest):
        return Told(Does.REFUSED, queue_id, by="exim", said=rest, over=True, nameless=True)
    return _seldom(queue_id, rest)


def _seldom(queue_id: str, rest: str) -> Told:
    """What is done by hand, or where something is out of order."""
    if marked := _MARKED.match(rest):
        return Told(Does.DISCARDED, queue_id, marked["to"], by=marked["who"], said=rest)
    if added := _ADDED.match(rest):
        return Told(Does.COPIED, queue_id, added["to"], by=added["who"], said=rest)
    if refused := _PARTLY_REFUSED.match(rest):
        return Told(Does.REFUSED, queue_id, refused["to"], by="exim", said=rest)
    if rest.startswith(_TOO_OLD):
        return Told(Does.DISCARDED, queue_id, by="exim", said=rest, over=True)
    if rest == _RESCINDED:
        return Told(Does.REFUSED, queue_id, by="exim", said=rest, over=True)
    if rest == _IGNORED:
        return Told(Does.RENAMED, queue_id, by="a system filter", said=rest)
    return NOTHING
