"""Gray failures: servers that are neither dead nor well, behind checks that stay green."""

from __future__ import annotations

from typing import Final

from relaydrill.smtp import Phase
from relaydrill.verdict import Status

from .course import Happens, Judged, cut, refused
from .defect import GONE, Defect, Drilled, Finding

_EACH_THIRD: Final = refused(451, Phase.RCPT, turn="ht1", broken=True, every=3, bitten="tempfail")

_SHARES: Final = (
    Defect(
        id="hub-that-fails-each-third-session",
        subject="gray failures",
        wrong="a hub fails each third session, and no check fails so often in a row as it must",
        change="",
        way=Judged(("tempfail.rcpt%34:ht1",), happens=(_EACH_THIRD,), noticed=None),
        findings=(
            Finding("degraded", ("451 at rcpt", "by ht1", "up all the time"), "relay"),
            Finding(
                "cause",
                ("believed ht1 to be up", "no check marks down for certain"),
                never=("does not behave as declared",),
            ),
        ),
    ),
    Defect(
        id="hub-that-fails-each-third-session-in-a-lab",
        subject="gray failures",
        wrong="the same in a lab: no check by EHLO goes as far as the fault",
        change="",
        way=Drilled((f"tempfail.rcpt%34:ht1{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("451 at rcpt", "up all the time"), "relay"),),
    ),
    Defect(
        id="share-that-spared-all-by-chance",
        subject="gray failures",
        wrong="a hub fails one session in fifty; after the first, none happened to be hit",
        change="",
        way=Judged(
            (f"tempfail.rcpt%2:ht1{GONE}",),
            happens=(
                refused(451, Phase.RCPT, turn="ht1", begin=10.2, end=10.8, bitten="tempfail"),
            ),
        ),
        findings=(
            Finding(
                "degraded",
                ("may have spared all of them by chance",),
                "relay",
                status=Status.UNKNOWN,
            ),
        ),
    ),
    Defect(
        id="share-that-hit-nobody",
        subject="gray failures",
        wrong="a hub was to fail one session in fifty, and none was hit: nothing was tested",
        change="",
        way=Judged((f"tempfail.rcpt%2:ht1{GONE}",)),
        findings=(
            Finding(
                "bite",
                ("no attempt of relay met tempfail.rcpt%2:ht1",),
                "relay",
                status=Status.UNKNOWN,
            ),
        ),
    ),
)

_LIES: Final = tuple(
    Defect(
        id=f"hub-that-{does}",
        subject="gray failures",
        wrong=f"a hub answers 250 and {wrong}",
        change=change,
        way=Judged(happens=(Happens(turn="ht2", every=3, **what),)),
        findings=(
            Finding("account", ("accepted by ht2", *said), "relay"),
            Finding("cause", ("ht2 (", *cause)),
        ),
    )
    for does, wrong, what, said, cause, change in (
        ("swallows", "keeps nothing", {"copies": 0}, ("lost",), ("nowhere",), ""),
        (
            "delivers-twice",
            "delivers it twice, where duplicates are forbidden",
            {"copies": 2},
            ("duplicated",),
            ("arrived more than once",),
            "expect: {duplicated: 0, gap: 15s}",
        ),
        (
            "misdelivers",
            "gives it to somebody else",
            {"copies": 0, "strangers": ("somebody-else@contoso.com",)},
            ("lost", "came to somebody-else@contoso.com, to whom they were not sent"),
            ("came to somebody-else@contoso.com",),
            "",
        ),
        (
            "changes-bodies",
            "cuts or changes the body",
            {"digest": "0" * 64},
            ("altered: body",),
            ("changed: body",),
            "",
        ),
        (
            "readdresses",
            "writes From and Subject anew",
            {"changed": ("from", "subject")},
            ("altered: ", "From (", "subject ("),
            ("changed: ",),
            "",
        ),
    )
)

_DIRECTORY: Final = (
    Defect(
        id="recipients-refused-as-if-there-were-none",
        subject="gray failures",
        wrong="a hub's directory is empty for ten seconds: 550 5.1.1, which mail servers believe",
        change="expect: {deferral: true, gap: 15s}",
        way=Judged(
            ("phantom-reject:ht1@10s+10s",),
            happens=(refused(550, Phase.RCPT, turn="ht1", broken=True, bitten="phantom-reject"),),
        ),
        findings=(
            Finding(
                "rejected", ("refused for good", "550 at rcpt", "by ht1", "allowed 0"), "relay"
            ),
            Finding("cause", ("refused for good", "by ht1", "after a 5xx nobody tries again")),
        ),
    ),
    Defect(
        id="logins-without-a-directory",
        subject="gray failures",
        wrong="a hub cannot check logins any more, and its port and its banner are well",
        change="",
        way=Judged(
            ("auth-down:ht1",),
            ("submission",),
            happens=(refused(454, Phase.AUTH, turn="ht1", broken=True, bitten="auth-down"),),
            noticed=None,
        ),
        findings=(Finding("degraded", ("454 at auth", "by ht1"), "submission"),),
    ),
    Defect(
        id="logins-that-all-fail",
        subject="gray failures",
        wrong="a hub takes every password for wrong",
        change="",
        way=Judged(
            ("auth-refused:ht1",),
            ("submission",),
            happens=(refused(535, Phase.AUTH, turn="ht1", broken=True, bitten="auth-refused"),),
            noticed=None,
        ),
        findings=(Finding("degraded", ("535 at auth", "by ht1"), "submission"),),
    ),
)

_EXPIRED: Final = cut(
    Phase.STARTTLS,
    turn="ht1",
    broken=True,
    reason="certificate: certificate has expired",
    bitten="certificate-expired",
)

_TLS: Final = (
    Defect(
        id="certificate-that-expires-behind-a-balancer",
        subject="gray failures",
        wrong="one hub's certificate expires at midnight, and no health check speaks TLS",
        change="",
        way=Judged(
            ("certificate-expired:ht1",), ("submission",), happens=(_EXPIRED,), noticed=None
        ),
        findings=(
            Finding(
                "degraded",
                ("certificate has expired", "by ht1", "up all the time"),
                "submission",
            ),
            Finding(
                "cause",
                ("believed ht1 to be up", "in TLS", "ask ht1 for STARTTLS and its certificate"),
            ),
        ),
    ),
    Defect(
        id="starttls-hidden-behind-a-check-by-ehlo",
        subject="gray failures",
        wrong="one hub offers no STARTTLS: a check by EHLO goes as far, and does not look",
        change="",
        way=Judged(
            ("starttls-hidden:ht1",),
            ("submission",),
            happens=(
                cut(
                    Phase.STARTTLS,
                    turn="ht1",
                    broken=True,
                    reason="the server offers no STARTTLS",
                    bitten="starttls-hidden",
                ),
            ),
            noticed=None,
        ),
        findings=(
            Finding("degraded", ("offers no STARTTLS", "by ht1"), "submission"),
            Finding(
                "cause",
                ("believed ht1 to be up", "in TLS", "ask ht1 for STARTTLS"),
                never=("does not behave as declared",),
            ),
        ),
    ),
    Defect(
        id="certificate-fault-that-nobody-verifies",
        subject="gray failures",
        wrong="senders on port 25 do not look at certificates: to them the fault is none",
        change="",
        way=Judged(("certificate-expired:ht1",), ("relay",), noticed=None),
        findings=(
            Finding(
                "bite",
                ("no attempt of relay met certificate-expired:ht1",),
                "relay",
                status=Status.UNKNOWN,
            ),
        ),
    ),
    Defect(
        id="handshakes-that-stall-in-a-lab",
        subject="gray failures",
        wrong="one hub agrees to STARTTLS and says no more",
        change="",
        way=Drilled((f"handshake-stalls:ht1{GONE}",), ("submission",)),
        findings=(Finding("degraded", ("at starttls", "by ht1"), "submission"),),
    ),
    Defect(
        id="tls-of-long-ago-in-a-lab",
        subject="gray failures",
        wrong="one hub was never patched, and speaks TLS 1.1 at most",
        change="",
        way=Drilled((f"tls-outdated:ht1{GONE}",), ("submission",)),
        findings=(Finding("degraded", ("at starttls", "by ht1"), "submission"),),
    ),
)

AMPLIFIED: Final = """
nodes: {lb1: {source: snat}}
connectors: {relay: {port: 25, remote: [app, lb1], relay: true, rate_limit: {messages: 50}}}
flows: {relay: {rate: 20/s}}
"""
"""In a minute of the field 120 messages come from the balancer's address: 40 to each hub, and 60 to
each of two."""

_LIMITS: Final = (
    Defect(
        id="greylist-before-a-sender-that-gives-up",
        subject="gray failures",
        wrong="the hubs greylist the application, which has no queue and never tries again",
        change="connectors: {relay: {port: 25, remote: [app, 127.0.0.1/32], relay: true,"
        " greylist: {delay: 5min}}}",
        way=Drilled((), ("relay",)),
        findings=(
            Finding("steady", ("450 at rcpt", "well", "greylist of relay"), "relay"),
            Finding("cause", ("put off by the greylist of relay",)),
        ),
        lints=("greylist-no-retry",),
    ),
    Defect(
        id="rate-of-one-client-behind-snat",
        subject="gray failures",
        wrong="behind SNAT all clients are one address, and share the messages that one may send",
        change=AMPLIFIED.replace("messages: 50", "messages: 5"),
        way=Drilled((), ("relay",)),
        findings=(
            Finding("steady", ("421 at mail", "rate_limit.messages of relay"), "relay"),
            Finding(
                "cause",
                ("allows one address", "behind lb1 all clients have the address of lb1"),
            ),
        ),
        lints=("snat-shared-cap", "snat-open-relay", "source-rate"),
    ),
    Defect(
        id="survivors-hit-the-rate-of-one-client",
        subject="gray failures",
        wrong="one of three hubs dies, and the others get more of the balancer's address than they"
        " take of one",
        change=AMPLIFIED,
        way=Drilled(("kill:ht1@70s+150s",), ("relay",)),
        findings=(
            Finding(
                "degraded",
                ("421 at mail", "servers that are well", "rate_limit.messages of relay"),
                "relay",
            ),
            Finding(
                "cause",
                ("ht2 and ht3 were there", "behind lb1 all clients have the address of lb1"),
                never=("does not behave as declared",),
            ),
        ),
        lints=("snat-shared-cap", "snat-open-relay", "source-rate-node-lost"),
    ),
)

_ONE_HUB: Final = """
flows: {direct: {from: app, persona: single_host, to: ht1, rate: 40/s, expect: {gap: 10s}}}
"""
_ONE_NAME_SERVER: Final = """
nodes: {ns1: {role: dns}}
names: {hubs.contoso.com: [ht1, ht2, ht3]}
flows:
  direct: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 40/s, expect: {gap: 10s}}
"""

_FROM_HERE: Final = (
    Defect(
        id="sender-that-knows-one-hub-and-cannot-reach-it",
        subject="gray failures",
        wrong="an application has the address of one hub, and a firewall comes between the two",
        change=_ONE_HUB,
        way=Drilled((f"unreachable-refused:ht1{GONE}",), ("direct",)),
        findings=(Finding("gap", ("nothing accepted",), "direct"),),
    ),
    Defect(
        id="sender-whose-one-resolver-fails-here",
        subject="gray failures",
        wrong="an application asks one name server, which fails for it alone",
        change=_ONE_NAME_SERVER,
        way=Drilled((f"failing-dns:ns1{GONE}",), ("direct",)),
        findings=(Finding("gap", ("nothing accepted",), "direct"),),
    ),
    Defect(
        id="sender-that-is-told-an-old-address-here",
        subject="gray failures",
        wrong="what stands before an application's name server keeps a record for too long",
        change=_ONE_NAME_SERVER,
        way=Drilled((f"stale-dns:ns1{GONE}",), ("direct",)),
        findings=(Finding("gap", ("nothing accepted",), "direct"),),
    ),
)

DEFECTS: Final = (*_SHARES, *_LIES, *_DIRECTORY, *_TLS, *_LIMITS, *_FROM_HERE)
