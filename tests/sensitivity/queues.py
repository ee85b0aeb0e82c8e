"""Queues: mail that waits where nobody fetches it, or bounces."""

from __future__ import annotations

from typing import Final

from relaydrill.smtp import Phase

from .course import Happens, Judged, refused
from .defect import Defect, Drilled, Finding

DEFECTS: Final = (
    Defect(
        id="no-route-to-the-domain",
        subject="queues",
        wrong="a domain that nobody has: what the hubs took for it bounces",
        change="flows: {outbound: {recipient: user@nobody.example}}",
        way=Drilled((), ("outbound",)),
        findings=(Finding("account", ("lost",), "outbound"),),
        base="twosites",
    ),
    Defect(
        id="mailbox-domain-misspelt",
        subject="queues",
        wrong="a mailbox server's domain is misspelt: mail for the real one leads nowhere",
        change="nodes: {mbx-d: {domains: [dublin.contoso.con]}}",
        way=Drilled((), ("cross-site",)),
        findings=(Finding("account", ("lost",), "cross-site"),),
        base="twosites",
    ),
    Defect(
        id="queue-gone-with-an-edge",
        subject="queues",
        wrong="an Edge dies for good, with what it had promised the hubs on its disk",
        change="flows: {outbound: {rate: 60/s}}",
        way=Drilled(("kill:fabrikam@10s+20s", "kill:edge1@15s+forever"), ("outbound",)),
        findings=(Finding("account", ("stranded on edge1", "gone for good"), "outbound"),),
        base="twosites",
    ),
    Defect(
        id="mailbox-server-gone-for-good",
        subject="queues",
        wrong="the only mailbox server is lost for good: what the hubs accepted waits for ever",
        change="",
        way=Judged(("kill:mbx@10s+forever",)),
        findings=(
            Finding("account", ("stuck on ht1, ht2 and ht3", "mbx, which is broken"), "relay"),
        ),
    ),
    Defect(
        id="mailbox-server-gone-for-good-in-a-lab",
        subject="queues",
        wrong="the same in a lab: hubs that are up hold mail that nobody will ever take",
        change="",
        way=Drilled(("kill:mbx@10s+forever",), ("relay",)),
        findings=(Finding("account", ("stuck",), "relay"),),
    ),
    Defect(
        id="one-message-is-stuck",
        subject="queues",
        wrong="a hub keeps single messages for ever: they wait, and nobody looks",
        change="",
        way=Judged(happens=(Happens(turn="ht2", every=40, copies=0, kept=True),)),
        findings=(Finding("account", ("stuck on ht2", "nobody says why"), "relay"),),
    ),
    Defect(
        id="nothing-is-delivered",
        subject="queues",
        wrong="everything is accepted and nothing delivered, where any loss was said to be agreed",
        change="expect: {lost: 100000, gap: 15s}",
        way=Judged(happens=(Happens(copies=0),)),
        findings=(Finding("account", ("nothing arrived",), "relay"),),
    ),
    Defect(
        id="everything-is-queued",
        subject="queues",
        wrong="everything waits, where any number of waiting messages was said to be agreed",
        change="expect: {stuck: null, gap: 15s}",
        way=Judged(happens=(Happens(copies=0, kept=True),)),
        findings=(Finding("account", ("nothing arrived",), "relay"),),
    ),
    Defect(
        id="refused-and-queued",
        subject="queues",
        wrong="a hub refuses messages that it has queued: they come twice once it sends them",
        change="",
        way=Judged(
            happens=(
                refused(451, Phase.REPLY, turn="ht1", every=20, stored=True, copies=0, kept=True),
            )
        ),
        findings=(Finding("account", ("phantom", "queued on ht1"), "relay"),),
    ),
    Defect(
        id="twin-in-a-queue",
        subject="queues",
        wrong="duplicates are forbidden: of delivered messages a second copy waits in a queue",
        change="expect: {duplicated: 0, gap: 15s}",
        way=Judged(happens=(Happens(turn="ht1", every=20, kept=True),)),
        findings=(Finding("account", ("duplicated", "queued on ht1"), "relay"),),
    ),
    Defect(
        id="queue-left-by-a-freeze",
        subject="queues",
        wrong="what a hub took while the mailbox server was frozen is never sent again",
        change="",
        way=Judged(
            ("pause:mbx@10s+30s",), happens=(Happens(10, 40, turn="ht3", copies=0, kept=True),)
        ),
        findings=(Finding("account", ("stuck on ht3",), "relay"),),
    ),
)
