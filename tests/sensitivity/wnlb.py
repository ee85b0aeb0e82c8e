"""WNLB: a cluster that watches hosts and not services, and its settings."""

from __future__ import annotations

from typing import Final

from relaydrill.verdict import Status

from .defect import GONE, Defect, Drilled, Finding

_CLUSTER: Final = "nodes: {lb1: {mode: wnlb, check: {kind: none}, cluster: {CLUSTER}}}"


def _cluster(settings: str) -> str:
    return _CLUSTER.replace("CLUSTER", settings)


_EACH_CONNECTION: Final = "rules: [{affinity: none}]"

DEFECTS: Final = (
    *(
        Defect(
            id=f"wnlb-service-stopped-{flow}",
            subject="WNLB",
            wrong=f"a host's transport service is stopped: WNLB goes on giving it mail ({flow})",
            change=_cluster(_EACH_CONNECTION),
            way=Drilled((f"refuse:ht2{GONE}",), (flow,)),
            findings=(Finding("degraded", ("WNLB watches hosts, not services",), flow),),
        )
        for flow in ("relay", "submission")
    ),
    Defect(
        id="wnlb-notices-too-late",
        subject="WNLB",
        wrong="sixty heartbeats may be missed: a dead host's share is lost for a minute",
        change=_cluster(f"missed: 60, {_EACH_CONNECTION}"),
        way=Drilled(("blackhole:ht2@10s+40s",), ("relay",)),
        # What hangs on a host that is off the network fails, or is accepted late when that is back.
        findings=(Finding("degraded", ("the last of them", "by ht2"), "relay"),),
    ),
    Defect(
        id="wnlb-single-host-notices-too-late",
        subject="WNLB",
        wrong="filtering single, and thirty heartbeats may be missed: all mail waits for them",
        change=_cluster(
            "missed: 30, rules: [{filtering: single, priorities: {ht1: 1, ht2: 2, ht3: 3}}]"
        ),
        way=Drilled(("kill:ht1@10s+40s",), ("relay",)),
        findings=(Finding("gap", ("nothing accepted",), "relay"),),
    ),
    Defect(
        id="wnlb-affinity-of-one-sender",
        subject="WNLB",
        wrong="affinity single, and one application: all of its mail is one choice of one host",
        change="nodes: {lb1: {mode: wnlb, check: {kind: none}}}\n"
        "expect: {gap: 15s, spread: [ht1, ht2, ht3]}",
        way=Drilled((), ("relay",)),
        findings=(Finding("spread", ("only 0 independent choices",), "relay", Status.UNKNOWN),),
    ),
    Defect(
        id="wnlb-weight-left-at-zero",
        subject="WNLB",
        wrong="a host's load weight is still 0 from a maintenance: it carries nothing",
        change=_cluster(f"hosts: {{ht3: {{weight: 0}}}}, {_EACH_CONNECTION}"),
        way=Drilled((f"kill:ht3{GONE}",), ("relay",)),
        findings=(
            Finding("bite", ("took no relay mail before the fault",), "relay", Status.UNKNOWN),
        ),
    ),
    Defect(
        id="wnlb-back-pressure",
        subject="WNLB",
        wrong="a host under back pressure keeps its share: WNLB knows nothing of mail",
        change=_cluster(_EACH_CONNECTION),
        way=Drilled(("backpressure:ht1@10s+30s",), ("relay",)),
        findings=(
            Finding("degraded", ("452 at mail", "which the balancer believed to be up"), "relay"),
        ),
    ),
)
