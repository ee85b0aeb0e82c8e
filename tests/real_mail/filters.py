"""Labs in which something looks into the mail: filters, milters, header checks, discards."""

from __future__ import annotations

from typing import Final

from tests.real_mail import milter
from tests.real_mail.building import final, one_server
from tests.real_mail.lab import DOMAIN, USER, Built, Case, Site
from tests.real_mail.milter import Milter
from tests.real_mail.postfix import Postfix
from tests.real_mail.scanner import PORT, Scanner, Verdict

_BACK: Final = 10025
_RETURNS: Final = (
    f"{{address}}:{_BACK} inet n - n - - smtpd -o content_filter= -o smtpd_proxy_filter="
)
"""Where mail comes back in, past the filter."""

# A filter by pipe, which hands mail back by SMTP: a shell is there for every user.
_HAND_BACK: Final = """\
exec 3<>"/dev/tcp/$1/10025" || exit 75
heard() { read -r -u 3 line && [[ $line == [23]* ]] || exit 75; }
told() { printf '%s\\r\\n' "$1" >&3; heard; }
heard
told 'HELO filter'
told "MAIL FROM:<$2>"
told "RCPT TO:<$3>"
told DATA
sed -e 's/^\\./../' -e 's/$/\\r/' >&3
told .
told QUIT
"""


def _scanned(site: Site, verdict: str, *, hands_back: bool, by_lmtp: bool = False) -> Built:
    """A content filter by SMTP or LMTP, at an address of its own."""
    back = (site.address(11), _BACK) if hands_back else None
    scanner = site.run(Scanner(site.address(31), Verdict(verdict, back), by_lmtp=by_lmtp))
    service = "lmtp" if by_lmtp else "smtp"
    where = f"{service}:[{scanner.address}]:{PORT}"
    return one_server(final(site, {"content_filter": where}, services=[_RETURNS]))


def _by_smtp(site: Site) -> Built:
    return _scanned(site, "250 2.0.0 from MTA(smtp): 250 2.0.0 Ok", hands_back=True)


def _by_lmtp(site: Site) -> Built:
    return _scanned(site, "250 2.0.0 Ok, forwarded", hands_back=True, by_lmtp=True)


def _doubles(site: Site) -> Built:
    """A filter that hands everything back twice, as one does whose answer came too late."""
    verdict = Verdict("250 2.0.0 Ok", (site.address(11), _BACK), times=2)
    scanner = site.run(Scanner(site.address(31), verdict))
    where = f"smtp:[{scanner.address}]:{PORT}"
    return one_server(final(site, {"content_filter": where}, services=[_RETURNS]))


def _smtp_discards(site: Site) -> Built:
    said = "250 2.7.0 Ok, discarded, id=00042-01 - spam"
    return _scanned(site, said, hands_back=False)


def _lmtp_quarantines(site: Site) -> Built:
    said = "250 2.7.0 Ok, id=00042-02, quarantined"
    return _scanned(site, said, hands_back=False, by_lmtp=True)


def _before_the_queue(site: Site, reply: str, *, hands_back: bool) -> Built:
    """Postfix passes the dialogue on to a filter, and its reply on to the client."""
    verdict = Verdict(reply, (site.address(11), _BACK) if hands_back else None)
    scanner = site.run(Scanner(site.address(31), verdict))
    where = f"{scanner.address}:{PORT}"
    return one_server(final(site, {"smtpd_proxy_filter": where}, services=[_RETURNS]))


def _proxy_discards(site: Site) -> Built:
    return _before_the_queue(site, "250 2.7.0 Ok, discarded, id=00042-03 - spam", hands_back=False)


def _proxy_accepts(site: Site) -> Built:
    return _before_the_queue(site, "250 2.0.0 Ok", hands_back=True)


def _smtp_swallows(site: Site) -> Built:
    return _scanned(site, "250 2.0.0 Ok: queued as 4F2A", hands_back=False)


def _lmtp_swallows(site: Site) -> Built:
    return _scanned(site, "250 2.0.0 Ok", hands_back=False, by_lmtp=True)


def _piped(site: Site, command: str) -> Postfix:
    service = f"scan unix - n n - 4 pipe user=nobody argv={command}"
    script = {"hand-back": _HAND_BACK}
    return final(
        site, {"content_filter": "scan:dummy"}, services=[_RETURNS, service], tables=script
    )


def _pipe(site: Site) -> Built:
    words = f"{site.address(11)} ${{sender}} ${{recipient}}"
    return one_server(_piped(site, f"/bin/bash {{folder}}/etc/hand-back {words}"))


def _pipe_swallows(site: Site) -> Built:
    return one_server(_piped(site, "/bin/sh -c cat>/dev/null"))


def _milter(site: Site, does: tuple[bytes, ...]) -> Built:
    listens = site.run(Milter(site.address(32), does))
    settings = {
        "smtpd_milters": f"inet:{listens.address}:8891",
        "milter_default_action": "accept",
    }
    return one_server(final(site, settings), copies=["archive"])


def _milter_accepts(site: Site) -> Built:
    return _milter(site, milter.ACCEPT)


def _milter_discards(site: Site) -> Built:
    return _milter(site, milter.DISCARD)


def _milter_holds(site: Site) -> Built:
    return _milter(site, milter.QUARANTINE)


def _milter_rejects(site: Site) -> Built:
    return _milter(site, milter.REJECT)


def _milter_copies(site: Site) -> Built:
    return _milter(site, milter.add_recipient(f"archive@{DOMAIN}"))


def _header_check(site: Site, action: str) -> Built:
    checks = {"checks": f"/^Subject:/ {action}\n"}
    settings = {"header_checks": "regexp:{folder}/etc/checks"}
    return one_server(final(site, settings, tables=checks), copies=["archive"])


def _checks_discard(site: Site) -> Built:
    return _header_check(site, "DISCARD a rule of long ago")


def _checks_hold(site: Site) -> Built:
    return _header_check(site, "HOLD to be looked at")


def _checks_redirect(site: Site) -> Built:
    return _header_check(site, f"REDIRECT archive@{DOMAIN}")


def _checks_warn(site: Site) -> Built:
    return _header_check(site, "WARN seen")


def _access_discards(site: Site) -> Built:
    settings = {
        "smtpd_recipient_restrictions": "check_recipient_access static:DISCARD, permit",
    }
    return one_server(final(site, settings))


def _access_holds(site: Site) -> Built:
    settings = {"smtpd_recipient_restrictions": "check_recipient_access static:HOLD, permit"}
    return one_server(final(site, settings))


def _transport_discards(site: Site) -> Built:
    table = {"transport": f"{USER} discard:spring cleaning\n"}
    settings = {"transport_maps": "texthash:{folder}/etc/transport"}
    return one_server(final(site, settings, tables=table))


def _transport_errors(site: Site) -> Built:
    """What is accepted, and given up for good: it goes back to its sender."""
    table = {"transport": f"{USER} error:5.1.1 mailbox moved away\n"}
    settings = {
        "transport_maps": "texthash:{folder}/etc/transport",
        "smtpd_reject_unlisted_recipient": "no",
    }
    return one_server(final(site, settings, tables=table))


def _transport_retries(site: Site) -> Built:
    table = {"transport": f"{USER} retry:4.3.0 mailbox is being moved\n"}
    settings = {
        "transport_maps": "texthash:{folder}/etc/transport",
        "smtpd_reject_unlisted_recipient": "no",
    }
    return one_server(final(site, settings, tables=table))


ALL: Final = (
    Case("filter by smtp", _by_smtp, "pass", ("delivered",), never=("duplicated",)),
    Case("filter by lmtp", _by_lmtp, "pass", ("delivered",), never=("duplicated",)),
    Case("filter by pipe", _pipe, "pass", ("delivered",), never=("duplicated",)),
    Case("filter doubles", _doubles, "fail", ("duplicated",)),
    Case("smtp filter discards", _smtp_discards, "fail", ("discarded",), ("127.62.",)),
    Case("lmtp filter quarantines", _lmtp_quarantines, "fail", ("discarded",), ("quarantine",)),
    Case(
        *("proxy filter discards", _proxy_discards, "fail", ("discarded",)),
        ("the filter before the queue",),
    ),
    Case("proxy filter accepts", _proxy_accepts, "pass", ("delivered",)),
    Case("smtp filter swallows", _smtp_swallows, "not pass", (), ("127.62.",)),
    Case("lmtp filter swallows", _lmtp_swallows, "not pass", (), ("127.62.",)),
    Case("pipe swallows", _pipe_swallows, "not pass", (), ("scan",)),
    Case("milter accepts", _milter_accepts, "pass", ("delivered",)),
    Case("milter discards", _milter_discards, "fail", ("discarded",), ("milter",)),
    Case("milter holds", _milter_holds, "stuck", ("queued",), ("held",)),
    Case("milter rejects", _milter_rejects, "fail", ("refused",)),
    Case("milter copies", _milter_copies, "pass", ("delivered",), ("archive@",), copies=1),
    Case("header check discards", _checks_discard, "fail", ("discarded",), ("a rule of long ago",)),
    Case("header check holds", _checks_hold, "stuck", ("queued",), ("held",)),
    Case("header check redirects", _checks_redirect, "not pass", (), ("archive@",), copies=1),
    Case("header check warns", _checks_warn, "pass", ("delivered",)),
    Case("access discards", _access_discards, "fail", ("discarded",)),
    Case("access holds", _access_holds, "stuck", ("queued",), ("held",)),
    Case("transport discards", _transport_discards, "fail", ("discarded",), ("spring cleaning",)),
    Case("transport gives up", _transport_errors, "fail", (), ("mailbox moved away",)),
    Case("transport defers", _transport_retries, "stuck", ("queued",), ("mailbox is being moved",)),
)
