"""Queues: mail that waits where nobody fetches it, or bounces."""

from __future__ import annotations

from typing import Final

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
)
