"""What each line of Postfix's log means: the one table of its agents and their words. Pure.

Lines are as Postfix 2.3 to 3.10 writes them, without their frame. What an agent says of a delivery
is in its manual (local(8), virtual(8), smtp(8), pipe(8), discard(8), error(8)); all have one form::

    QUEUEID: to=<…>, orig_to=<…>, relay=…, delay=…, delays=…, dsn=…, status=sent (250 2.0.0 Ok)
"""

from __future__ import annotations

import re
from collections.abc import Callable
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

_FILTER: Final = "the filter before the queue"
DROPPED: Final = re.compile(
    r"Suppressed \d+ messages from|lost \d+ messages from pid|drop messages due to rate-limiting"
)
"""Of journald and rsyslog, when lines come faster than they are let."""

SESSION_BOUNDS: Final = ("connect from ", "disconnect from ")
"""With these a session begins and ends, one at a time for each process of smtpd(8)."""

AGENTS: Final = frozenset({"smtp", "lmtp", "local", "virtual", "pipe", "discard", "error"})
"""The programs that deliver; ``retry`` and ``relay`` are services of ``error`` and ``smtp``."""

PROGRAMS: Final = AGENTS | {
    *("smtpd", "cleanup", "qmgr", "nqmgr", "oqmgr", "pickup", "bounce", "defer", "trace", "verify"),
    *("anvil", "scache", "postscreen", "dnsblog", "tlsproxy", "tlsmgr", "master", "flush", "showq"),
    *("trivial-rewrite", "proxymap", "proxywrite", "spawn", "postlogd", "postlog", "postfix"),
    *("postfix-script", "postsuper", "postqueue", "postdrop", "sendmail", "postmap", "postalias"),
    *("postmulti", "postcat", "postkick", "qmqpd", "retry", "relay", "postfix-wrapper"),
    *("postfix-files", "post-install", "postlock", "postconf"),
}
"""Whatever its ``syslog_name`` (postconf(5)), the last part of a tag is one of these."""

UNTOLD: Final = "postfix"
"""Postfix's own command, and whatever program's line bears no more than that name."""

_WARNING: Final = "warning"
"""It looks like a queue id, and is none."""

_ID: Final = re.compile(r"(?P<id>[0-9A-Za-z]{5,24}): (?P<rest>.*)", re.S)
_ADDRESS: Final = r"\"(?:[^\"\\]|\\.){0,500}\"[^<>]{0,500}|.{0,500}?"
"""What is quoted may look like the rest of the line; a bound, so that no line takes long."""

DELIVERY: Final = re.compile(
    rf"to=<(?P<to>{_ADDRESS})>, (?:orig_to=<(?P<orig>{_ADDRESS})>, )?relay=(?P<relay>[^,]+), "
    r"(?:[^()]*?, )?"
    r"status=(?P<status>[\w-]+) \((?P<said>.*)\)$",
    re.S,
)
MESSAGE_ID: Final = re.compile(r"(?:resent-)?message-id=(?P<message>.*)$", re.S)
_COMMENT: Final = re.compile(r"^(?:\([^()]*\) ?)+")
ACTIVE: Final = re.compile(r"from=<(?P<sender>.*)>, size=\d+, nrcpt=\d+ \(queue active\)$", re.S)
_CORRUPT: Final = re.compile(r"saving corrupt file \"(?P<id>[0-9A-Za-z]+)\" from queue ", re.S)
"""What qmgr(8) does not understand it puts away, where only a person looks (``corrupt``)."""

_EXPIRED: Final = re.compile(r"from=<.*>, status=(?:force-)?expired, returned to sender$", re.S)
_PICKED_UP: Final = re.compile(r"uid=\d+ from=<.*>(?: orig_id=(?P<was>\w+))?$", re.S)
"""``orig_id`` is of what ``postsuper -r`` put in anew."""

_ACTION: Final = re.compile(
    r"(?P<milter>milter-)?(?:[a-z]+-)??(?P<what>discard|hold|reject|redirect|bcc|quarantine): "
    r"(?P<cause>.*?)(?:; (?:from=<(?P<from>.*?)> ?)?(?:to=<(?P<to>.*?)> ?)?(?:proto=\S+ ?)?"
    r"(?:helo=<.*?>)?(?:: (?P<text>.*))?)?$",
    re.S,
)
_PROXY: Final = re.compile(
    r"proxy-(?P<what>accept|reject): END-OF-MESSAGE: (?P<said>.*); from=<.*?> to=<(?P<to>.*?)>"
    r"(?: proto=\S+)?(?: helo=<.*>)?$",
    re.S,
)
"""Of ``smtpd_proxy_filter`` (SMTPD_PROXY_README): it has its own way with mail, and no queue id."""

_WHOLE: Final = ("END-OF-MESSAGE", "DATA", "header ", "body ", "mime-header ", "nested-header ")
"""What an action of these turns down is the whole message; at RCPT it is one recipient."""

_TO_FILE: Final = re.compile(r"delivered to file: (?P<file>.*)", re.S)
_TO_COMMAND: Final = re.compile(r"delivered to command: (?P<command>.*)", re.S)
_FORWARDED: Final = re.compile(r"forwarded as (?P<next>\w+)")
_PER_SERVICE: Final = re.compile(r"delivered via (?P<service>\S+) service")
_TO_MAILBOX: Final = ("delivered to maildir", "delivered to mailbox")
_TO_NOBODY: Final = "discarded"
"""What local(8) says of reports that could not be delivered even to the postmaster."""


def program_of(tag: str) -> str:
    """Postfix's program that bears a syslog tag; empty if it is none of Postfix's.

    Whoever configured it may put anything in front: ``postfix-out/smtp``, ``mx1/25/smtpd``.
    """
    program = tag.rpartition("/")[2]
    return program if program in PROGRAMS else ""


def read(program: str, text: str, takers: Takers) -> Told | None:
    """What one line tells.

    Args:
        program: As `program_of` gives it.
        text: The line without its frame.
        takers: What is declared of who takes mail over.

    Returns:
        None for a line that looks like one of a message and is not to be understood.
    """
    found = _ID.match(text)
    if not found:
        return _without_id(program, text)
    queue_id, rest = found["id"], found["rest"]
    if queue_id == "NOQUEUE":
        return _without_id(program, text)
    if program == UNTOLD:
        program = _by_words(rest)
    if rest.startswith("to=<"):
        return _delivery(program, queue_id, rest, takers)
    reader = _READERS.get(program)
    return reader(queue_id, rest) if reader else NOTHING


def delivery_of(text: str) -> re.Match[str] | None:
    """The parts of a delivery's line (``to``, ``orig``, ``relay``, ``status``, ``said``), or None.

    Args:
        text: The line without its frame.
    """
    found = _ID.match(text)
    return DELIVERY.match(found["rest"]) if found else None


def _without_id(program: str, text: str) -> Told | None:
    if program == UNTOLD:
        program = "smtpd"
    if program in ("smtpd", "cleanup") and text.startswith("NOQUEUE: "):
        return _of_smtpd("", text[9:])
    if program == "smtpd" and (filtered := _PROXY.match(text)):
        return _of_proxy(*filtered.group("what", "said", "to"))
    return NOTHING


def _of_proxy(what: str, said: str, to: str) -> Told:
    """What a filter before the queue did; what it lets through comes in again, and has a name."""
    if what == "reject":
        return Told(Does.REFUSED, "", to, by=_FILTER, said=said)
    if throws_away(said):
        return Told(Does.DISCARDED, "", to, by=_FILTER, said=said, over=True)
    if sends_back(said):
        return Told(Does.FAILED, "", to, by=_FILTER, said=said, over=True)
    return NOTHING


def _delivery(program: str, queue_id: str, rest: str, takers: Takers) -> Told | None:
    found = DELIVERY.match(rest)
    if not found:
        return None
    status, said, relay = found["status"], found["said"], found["relay"]
    to, original = found["to"], found["orig"] or ""
    match status:
        case "sent":
            does, by, next_id = _took(program, relay, said, takers)
            return Told(does, queue_id, to, original, by, said, next_id=next_id)
        case "deferred" | "SOFTBOUNCE":
            return Told(Does.DEFERRED, queue_id, to, original, relay, said)
        case "bounced":
            return Told(Does.FAILED, queue_id, to, original, relay, said)
        case "deliverable" | "undeliverable" | "undeliverable-but-not-cached":
            # ADDRESS_VERIFICATION_README, and ``sendmail -bv``
            return Told(Does.NOTHING, queue_id, is_probe=True)
    return None


Taken = tuple[Does, str, str]
"""What a delivery does, who took it, and the queue id that it has there."""


def _took(program: str, relay: str, said: str, takers: Takers) -> Taken:
    """What ``status=sent`` means, by the agent that says so."""
    match program:
        case "virtual":
            return _kept(relay, said, takers)
        case "local":
            return _locally(relay, said, takers)
        case "discard":
            return Does.DISCARDED, "discard", ""
        case "pipe":
            return _piped(relay, said, takers)
        case "smtp" | "lmtp" | "relay":
            return _over_smtp(program, relay, said, takers)
        case "qmgr" | "nqmgr" | "oqmgr" if said.endswith(" notification discarded"):
            return Does.DISCARDED, program, ""
    return Does.HANDED_ON, relay, ""


def _kept(relay: str, said: str, takers: Takers) -> Taken:
    if found := _TO_FILE.match(said):
        return _filed(found["file"])
    if said.startswith(_TO_MAILBOX):
        return Does.DELIVERED, relay, ""
    return _by_name(relay, takers)


def _locally(relay: str, said: str, takers: Takers) -> Taken:
    if said == _TO_NOBODY:
        return Does.DISCARDED, relay, ""
    if found := _FORWARDED.match(said):
        return Does.MOVED, relay, found["next"]
    if found := _TO_COMMAND.match(said):
        return _by_name(f"|{found['command']}", takers)
    return _kept(relay, said, takers)


def _filed(path: str) -> Taken:
    if is_swallowing(path):
        return Does.DISCARDED, path, ""
    return (Does.HANDED_ON if is_for_others(path) else Does.DELIVERED), path, ""


def _piped(relay: str, said: str, takers: Takers) -> Taken:
    found = _PER_SERVICE.search(said)
    return _by_name(found["service"] if found else relay, takers)


def _by_name(name: str, takers: Takers) -> Taken:
    is_mailbox = takers.is_mailbox(name, recognised=keeps_mail(name))
    return (Does.DELIVERED if is_mailbox else Does.HANDED_ON), name, ""


def _over_smtp(program: str, relay: str, said: str, takers: Takers) -> Taken:
    if throws_away(said):
        return Does.DISCARDED, relay, ""
    if sends_back(said):
        return Does.FAILED, relay, ""
    next_id = queued_as(said)
    if next_id:  # a queue, whatever it is called
        return Does.HANDED_ON, relay, next_id
    recognised = program == "lmtp" and (keeps_mail(relay) or store_says(said))
    if takers.is_mailbox(relay, recognised=recognised):
        return Does.DELIVERED, relay, ""
    return Does.HANDED_ON, relay, ""


def _of_cleanup(queue_id: str, rest: str) -> Told | None:
    if found := MESSAGE_ID.match(rest):
        if rest.startswith("resent-"):
            return NOTHING
        message = _message_id(found["message"])
        return Told(Does.NOTHING, queue_id, message=message, nameless=not message)
    return _action(queue_id, rest)


def _message_id(text: str) -> str:
    """A Message-ID as senders know it: with its brackets, and nothing around it."""
    text = _COMMENT.sub("", " ".join(text.split()))
    if text.startswith("<") and ">" in text:
        # No space belongs there (RFC 5322 §3.6.4), and a mail store names it without.
        named = text[: text.index(">") + 1].replace(" ", "")
        return "" if named == "<>" else named  # so Postfix says that there is none
    return f"<{text}>" if text and "<" not in text else ""


def _of_smtpd(queue_id: str, rest: str) -> Told | None:
    if rest.startswith("client=") and queue_id:
        return Told(Does.NOTHING, queue_id, opens=True)
    told = _action(queue_id, rest)
    if told and told.does is Does.DISCARDED:
        return told._replace(nameless=True)  # it is not read on: no Message-ID will be told
    return told


def _of_pickup(queue_id: str, rest: str) -> Told | None:
    found = _PICKED_UP.match(rest)
    return Told(Does.NOTHING, queue_id, opens=True, was=found["was"] or "") if found else NOTHING


def _of_queue_manager(queue_id: str, rest: str) -> Told | None:
    if queue_id == _WARNING:
        found = _CORRUPT.match(rest)
        return Told(Does.HELD, found["id"], by="qmgr", said=rest) if found else NOTHING
    if rest == "removed":
        return Told(Does.ENDED, queue_id, over=True)
    if active := ACTIVE.match(rest):
        return Told(Does.PROMISED, queue_id, sender=active["sender"])
    if _EXPIRED.match(rest):
        return Told(Does.FAILED, queue_id, by="qmgr", said="expired, returned to sender")
    if rest.startswith("from=<") and rest.endswith((", status=expired", "(queue active")):
        return None
    return NOTHING if not rest.startswith("from=<") else None


def _of_postsuper(queue_id: str, rest: str) -> Told | None:
    match rest:
        case "removed":
            return Told(Does.DISCARDED, queue_id, by="postsuper", said="removed", over=True)
        case "placed on hold":
            return Told(Does.HELD, queue_id, by="postsuper", said="placed on hold")
        case "released from hold":
            return Told(Does.PROMISED, queue_id, said="released from hold")
    return NOTHING


def _action(queue_id: str, rest: str) -> Told | None:
    """What a check or a milter has done: access(5), header_checks(5), MILTER_README."""
    found = _ACTION.match(rest)
    if not found:
        return NOTHING
    by = "a milter" if found["milter"] else _check(found["cause"])
    said, to = _reason(found), found["to"] or ""
    whole = found["cause"].startswith(_WHOLE)
    match found["what"]:
        case "discard":
            return Told(Does.DISCARDED, queue_id, to, by=by, said=said, over=whole)
        case "hold" | "quarantine":
            return Told(Does.HELD, queue_id, to, by=by, said=said)
        case "reject":
            return Told(Does.REFUSED, queue_id, to, by=by, said=said, over=whole)
        case "redirect":
            return Told(Does.RENAMED, queue_id, _target(found), to, by, said)
        case "bcc":
            return Told(Does.COPIED, queue_id, _target(found), by=by, said=said)
    return NOTHING


def _target(found: re.Match[str]) -> str:
    """The address that an action names: of access(5) the last word of all that is said."""
    words = f"{found['cause']} {found['text'] or ''}".split()
    return words[-1] if words else ""


def _check(cause: str) -> str:
    word = cause.partition(" ")[0]
    if word in ("header", "body", "mime-header", "nested-header"):
        return f"{word}_checks"
    return f"a check at {cause.partition(' from ')[0]}"


def _reason(found: re.Match[str]) -> str:
    said = found["cause"]
    return f"{said}: {found['text']}" if found["text"] else said


_BY_BEGIN: Final = (
    ("message-id=", "cleanup"),
    ("resent-message-id=", "cleanup"),
    ("client=", "smtpd"),
    ("uid=", "pickup"),
    ("from=<", "qmgr"),
    ("removed", "qmgr"),
    ("requeued", "postsuper"),
    ("placed on hold", "postsuper"),
    ("released from hold", "postsuper"),
)
_OF_CLEANUP: Final = re.compile(
    r"(?:milter-[a-z]+: (?:END-OF-MESSAGE|DATA)|[a-z]+: (?:mime-|nested-)?(?:header|body) )"
)


def _by_words(rest: str) -> str:
    """Whose line it is by what it says, where its tag is Postfix's name alone.

    So rsyslog's ``%programname%`` has it, which ends at a slash. Of ``removed`` it is not told
    whether the queue manager was done with it or a person deleted it.
    """
    if found := DELIVERY.match(rest):
        return _agent_of(found["relay"], found["said"])
    named = next((program for begin, program in _BY_BEGIN if rest.startswith(begin)), "")
    return named or ("cleanup" if _OF_CLEANUP.match(rest) else "smtpd")


def _agent_of(relay: str, said: str) -> str:
    """Which agent says that it has delivered."""
    if "[" in relay:
        return "lmtp" if keeps_mail(relay) or store_says(said) else "smtp"
    if _PER_SERVICE.match(said):
        return "pipe"
    named = {"none": "discard", "local": "local", "virtual": "virtual"}
    return named.get(relay, "local" if said.startswith(_TO_MAILBOX) else "pipe")


_READERS: Final[dict[str, Callable[[str, str], Told | None]]] = {
    "cleanup": _of_cleanup,
    "smtpd": _of_smtpd,
    "pickup": _of_pickup,
    "qmqpd": _of_smtpd,
    "qmgr": _of_queue_manager,
    "nqmgr": _of_queue_manager,
    "oqmgr": _of_queue_manager,
    "postsuper": _of_postsuper,
}
