"""Healthy twins of defects: drills that never ran, with all in them as it should be; each passes.

Each stands beside a defect that differs from it in one thing (`Twin.of`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill import topology_files
from relaydrill.drills.result import Judgement
from relaydrill.smtp import Phase
from relaydrill.verdict import Status

from .arrivals import ANNA, ARCHIVE, BEN
from .course import Happens, Judged, cut, refused
from .healthy import Quiet, quiet_of
from .telling import judge_made_up

_CHOOSING: Final = """
names: {hubs.contoso.com: [ht1, ht2, ht3]}
flows: {direct: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 40/s}}
"""


@dataclass(frozen=True, slots=True)
class Twin:
    """A healthy drill.

    Attributes:
        id: For a person.
        of: The defect beside it.
        right: What is as it should be.
        way: As of a defect over ``sharepoint``.
        change: As of a defect over ``sharepoint``.
    """

    id: str
    of: str
    right: str
    way: Judged
    change: str = ""


TWINS: Final = (
    Twin(
        "archive-beside-the-mailbox",
        "archive-alone-gets-the-mail",
        "an archive gets a copy of everything, and so does the recipient",
        Judged(happens=(Happens(seen_at=(ARCHIVE,)),)),
        "expect: {duplicated: 0, gap: 15s}",
    ),
    Twin(
        "both-mailboxes-of-an-alias",
        "one-of-two-mailboxes",
        "two people stand behind one address, and both get it: no duplicate",
        Judged(happens=(Happens(copies=2, mailboxes=(ANNA, BEN), needs=(ANNA, BEN)),)),
        "expect: {duplicated: 0, gap: 15s}",
    ),
    Twin(
        "bin-with-what-was-allowed",
        "one-in-ten-thrown-away",
        "a filter throws away no more than the flow allows to be gone",
        Judged(happens=(Happens(every=10, leaves="discarded", whither="a filter"),)),
        "expect: {lost: 9999}",
    ),
    Twin(
        "log-with-a-hole-that-hides-nothing",
        "log-rotated-away",
        "a log was not read whole, and all that was sent was seen to arrive",
        Judged(unread=("mail.log was rotated away",)),
    ),
    Twin(
        "subject-written-anew-as-declared",
        "subject-written-anew",
        "it was said that the hub puts a text before each subject",
        Judged(happens=(Happens(turn="ht2", changed=("subject_prefix",)),)),
        "changes: [subject_prefix]",
    ),
    Twin(
        "renamed",
        "renamed-and-altered",
        "a hub writes Message-IDs anew, and nothing else",
        Judged(happens=(Happens(turn="ht2", changed=("message_id",), known_by="header"),)),
    ),
    Twin(
        "disclaimer-as-declared",
        "cut-under-a-disclaimer",
        "the whole body stands above the disclaimer",
        Judged(happens=(Happens(turn="ht2", changed=("disclaimer",)),)),
        "changes: [disclaimer]",
    ),
    Twin("whole-evidence", "disk-of-the-sender-full", "every journal is whole", Judged(())),
    Twin(
        "whole-evidence-of-a-kill",
        "drill-cut-short",
        "the drill ran to its end, and all was healed",
        Judged(("kill:ht1",), ("relay", "submission")),
    ),
    Twin(
        "all-queues-seen",
        "queue-not-looked-into",
        "duplicates are forbidden, and every queue was looked into",
        Judged(("kill:mbx",)),
        "expect: {duplicated: 0, gap: 15s}",
    ),
    Twin(
        "silent-and-marked-down",
        "silence-of-a-second",
        "a hub is silent, and its balancer saw why",
        Judged(("stop:ht3@10s+20s",)),
    ),
    Twin(
        "met-by-the-flow",
        "refusals-that-nobody-met",
        "a hub refused for less long than is promised, and the flow met that",
        Judged(
            ("tempfail.rcpt:ht1@10s+10s",),
            happens=(refused(451, Phase.RCPT, turn="ht1", broken=True, bitten="tempfail"),),
        ),
    ),
    Twin(
        "back-behind-both-balancers",
        "back-behind-the-other-balancer-alone",
        "a healed hub has its share again of either balancer",
        Judged(("kill:ht1",), ("relay", "second")),
        """
nodes:
  lb2: {role: balancer, backends: [ht1, ht2, ht3], source: proxy, vips: {other: {ports: [25]}}}
flows: {second: {from: app, to: other, rate: 50/s}}
""",
    ),
    Twin(
        "controls-beside-a-kill",
        "control-restarts-no-clock",
        "a dead hub is noticed in time, whatever control there is beside it",
        Judged(("kill:ht1@10s+40s", "none:mbx@20s+1s", "none:mbx@35s+1s")),
    ),
    Twin(
        "agreed-outage",
        "acceptance-ends-with-its-fault",
        "a balancer's outage is agreed, and over when it is healed",
        Judged(("kill:lb1",)),
        "accept: [{node: lb1, reason: an outage of minutes is agreed}]",
    ),
    Twin(
        "agreed-outage-beside-a-noticed-one",
        "acceptance-covers-no-other-fault",
        "beside the outage that is agreed, a dead hub is noticed in time",
        Judged(("pause:lb1@10s+20s", "kill:ht2@60s+40s")),
        "accept: [{node: lb1, reason: an outage of minutes is agreed}]",
    ),
    Twin(
        "noticed-just-in-time",
        "default-kill-rides-out-nothing",
        "a check that takes as long as it may",
        Judged(("kill:ht1",), noticed=12.0),
    ),
    Twin(
        "back-and-chosen",
        "back-and-taken-elsewhere",
        "senders choose a healed hub again, and it takes what comes to it",
        Judged(("kill:ht1",), ("direct",)),
        _CHOOSING,
    ),
    Twin(
        "even-spread",
        "tried-first-and-taken-elsewhere",
        "each of three servers is chosen as often, and takes it",
        Judged(flows=("direct",)),
        f"{_CHOOSING}expect: {{gap: 15s, spread: [ht1, ht2, ht3]}}",
    ),
    Twin(
        "even-spread-in-an-audit",
        "audit-of-an-uneven-spread",
        "the same in an audit of 250 tests",
        Judged(flows=("direct",), tests=250),
        f"{_CHOOSING}expect: {{gap: 15s, spread: [ht1, ht2, ht3]}}",
    ),
    Twin(
        "back-in-an-audit",
        "audit-of-a-hub-that-gets-little",
        "a healed hub has its share again, in an audit of 250 tests",
        Judged(("kill:ht1",), tests=250),
    ),
    Twin(
        "mailbox-server-comes-back",
        "mailbox-server-gone-for-good",
        "what waits for the mailbox server arrives when that is back",
        Judged(("kill:mbx",)),
    ),
    Twin(
        "twin-where-none-is-forbidden",
        "twin-in-a-queue",
        "nobody promises that there are no duplicates",
        Judged(happens=(Happens(turn="ht1", every=20, copies=2),)),
    ),
    Twin(
        "slight-load",
        "slight-load-in-a-freeze",
        "the machine was busy for a moment, and all was served",
        Judged(("kill:ht1",), stalls=((5, 5.2, 0.1), (30, 31, 0.3))),
    ),
    Twin(
        "greylisting",
        "greylisting-and-senders-that-do-not-retry",
        "a tier that puts mail off in its steady state, for senders that come back",
        Judged(happens=(refused(451, Phase.RCPT, every=5),)),
        "expect: {deferral: true, gap: 15s}",
    ),
    Twin(
        "each-third-session-for-senders-that-come-back",
        "hub-that-fails-each-third-session",
        "a hub puts each third session off, for senders that come back",
        Judged(
            ("tempfail.rcpt%34:ht1",),
            happens=(
                refused(451, Phase.RCPT, turn="ht1", broken=True, every=3, bitten="tempfail"),
            ),
            noticed=None,
        ),
        "expect: {deferral: true, gap: 15s}",
    ),
    Twin(
        "recipients-put-off-without-a-directory",
        "recipients-refused-as-if-there-were-none",
        "a hub that cannot ask its directory puts mail off, and its senders come back",
        Judged(
            ("directory-down:ht1@10s+10s",),
            happens=(refused(451, Phase.RCPT, turn="ht1", broken=True, bitten="directory-down"),),
        ),
        "expect: {deferral: true, gap: 15s}",
    ),
    Twin(
        "certificate-renewed-in-time",
        "certificate-that-expires-behind-a-balancer",
        "an expired certificate is replaced within the time for which attempts may fail",
        Judged(
            ("certificate-expired:ht1@10s+10s",),
            ("submission",),
            happens=(
                cut(
                    Phase.STARTTLS,
                    turn="ht1",
                    broken=True,
                    reason="certificate: certificate has expired",
                    bitten="certificate-expired",
                ),
            ),
            noticed=None,
        ),
    ),
    Twin(
        "hub-that-lies-to-nobody",
        "hub-that-swallows",
        "each message that a hub takes is there, once, and as it was sent",
        Judged(),
        "expect: {duplicated: 0, gap: 15s}",
    ),
    Twin(
        "share-for-less-long-than-is-promised",
        "share-that-spared-all-by-chance",
        "a hub fails each third session for ten seconds, fifteen of which are promised",
        Judged(
            ("tempfail.rcpt%34:ht1@10s+10s",),
            happens=(
                refused(451, Phase.RCPT, turn="ht1", broken=True, every=3, bitten="tempfail"),
            ),
        ),
    ),
    Twin(
        "hubs-one-after-another-noticed",
        "hubs-one-after-another",
        "each hub dies once, and is noticed in time",
        Judged(("kill:ht1@10s+30s", "kill:ht2@80s+30s", "kill:ht3@150s+30s")),
    ),
)


def judge_twin(twin: Twin, folder: Path) -> Judgement:
    """The judgement of a healthy twin.

    Args:
        twin: The twin.
        folder: For its run.
    """
    text = f"extends: sharepoint\nname: twin\n{twin.change}"
    return judge_made_up(
        twin.way, topology_files.parse(text, f"{twin.id}.yaml"), folder, 1, twin.id
    )


def run_twins(folder: Path) -> Iterator[Quiet]:
    """Judge all of them.

    Args:
        folder: Where runs are written; what passed is removed again.
    """
    for twin in TWINS:
        found = judge_twin(twin, folder / f"twin-{twin.id}")
        yield quiet_of("twins, judged", found)
        if found.status is Status.PASS:
            shutil.rmtree(found.directory)
