"""Edge servers: filters that are off, or turn away what is wanted."""

from __future__ import annotations

from typing import Final

from .defect import GONE, Defect, Drilled, Finding

_MIX: Final = """
flows:
  inbound:
    rate: 150/s
    mix: {blocked: 0.25, unknown: 0.25, spam: 0.25}
    expect: {gap: 15s, spread: []}
"""
"""Some fifty of each sort: by chance, none of them comes to one Edge of six in 1 run of 10,000."""

DEFECTS: Final = (
    *(
        Defect(
            id=name,
            subject="Edge",
            wrong=wrong,
            change=f"nodes: {{edge3: {{filters: {{{filters}}}}}}}\n{_MIX}",
            way=Drilled((), ("inbound",)),
            findings=(Finding("filter", ("taken, though it was to be refused", sort), "inbound"),),
            base="microsoft",
        )
        for name, wrong, filters, sort in (
            (
                "content-filter-off",
                "one Edge of six has no content filter: a sixth of the spam comes in",
                "content: false",
                "spam",
            ),
            (
                "recipient-filter-off",
                "one Edge knows no recipients, and takes mail for people who are not there",
                "recipients: []",
                "unknown",
            ),
            (
                "block-list-empty",
                "one Edge has not got the block list",
                "blocked: []",
                "blocked",
            ),
        )
    ),
    Defect(
        id="recipient-filter-of-old",
        subject="Edge",
        wrong="one Edge was not synchronised: it refuses a recipient who has come since",
        change=f"nodes: {{edge5: {{filters: {{recipients: [other@contoso.com]}}}}}}\n{_MIX}",
        way=Drilled((), ("inbound",)),
        findings=(Finding("steady", ("550 at rcpt",), "inbound"),),
        base="microsoft",
    ),
    Defect(
        id="sender-filter-too-wide",
        subject="Edge",
        wrong="the sender filter of one Edge names a whole domain that is wanted",
        change=f"nodes: {{edge2: {{filters: {{senders: ['@contoso.com']}}}}}}\n{_MIX}",
        way=Drilled((), ("inbound",)),
        findings=(Finding("steady", ("at mail",), "inbound"),),
        base="microsoft",
    ),
    Defect(
        id="pinned-senders-under-back-pressure",
        subject="Edge",
        wrong="senders that pick one MX stop at its 452, and nobody has allowed for deferrals",
        change="flows: {pinned: {rate: 40/s, expect: {gap: 15s, deferral: false, spread: []}}}",
        way=Drilled((f"backpressure:edge1{GONE}",), ("pinned",)),
        findings=(Finding("degraded", ("452 at mail",), "pinned"),),
        base="microsoft",
    ),
)
