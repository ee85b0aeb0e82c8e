"""Health checks: missing, too slow, or blind to what the senders meet."""

from __future__ import annotations

from typing import Final

from .defect import GONE, Defect, Drilled, Finding

_BELIEVED: Final = "which the balancer believed to be up all the time"

DEFECTS: Final = (
    *(
        Defect(
            id=f"no-checks-{flow}{suffix}",
            subject="health checks",
            wrong=f"{balancer} balancer without checks gives a dead hub its third, on {port}",
            change=f"nodes: {{lb1: {{{kind}check: {{kind: none}}}}}}",
            way=Drilled((f"kill:ht1{GONE}",), (flow,)),
            findings=(Finding("degraded", ("at banner",), flow),),
        )
        for flow, port, suffix, balancer, kind in (
            ("relay", 25, "", "a", ""),
            ("submission", 587, "", "a", ""),
            ("relay", 25, "-haproxy", "a real HAProxy as", "kind: haproxy, "),
        )
    ),
    Defect(
        id="no-checks-blackhole",
        subject="health checks",
        wrong="without checks a hub that is off the network hangs a third of the connections",
        change="nodes: {lb1: {check: {kind: none}}}",
        way=Drilled((f"blackhole:ht2{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("at banner",), "relay"),),
        lints=("no-check",),
    ),
    *(
        Defect(
            id=f"ehlo-check-under-back-pressure-{flow}",
            subject="health checks",
            wrong=f"a check by EHLO stays green while MAIL is refused, out of resources ({flow})",
            change="",
            way=Drilled((f"backpressure:ht2{GONE}",), (flow,)),
            findings=(Finding("degraded", ("452 at mail", _BELIEVED), flow),),
        )
        for flow in ("relay", "submission")
    ),
    *(
        Defect(
            id=f"{kind}-check-under-back-pressure-haproxy",
            subject="health checks",
            wrong=f"HAProxy's check ({option}) stays green while MAIL is refused",
            change=f"nodes: {{lb1: {{kind: haproxy, check: {{kind: {kind}}}}}}}",
            way=Drilled((f"backpressure:ht2{GONE}",), ("relay",)),
            findings=(Finding("degraded", ("452 at mail", _BELIEVED), "relay"),),
        )
        for kind, option in (("tcp", "a connection"), ("smtp", "option smtpchk"))
    ),
    *(
        Defect(
            id=f"tcp-check-of-a-busy-server{suffix}",
            subject="health checks",
            wrong=f"a check that only connects{told} takes a banner of 421 for health",
            change=f"nodes: {{lb1: {{{kind}check: {{kind: tcp}}}}}}",
            way=Drilled((f"busy:ht3{GONE}",), ("relay",)),
            findings=(Finding("degraded", ("421 at banner", _BELIEVED), "relay"),),
        )
        for suffix, told, kind in (("", "", ""), ("-haproxy", " (HAProxy)", "kind: haproxy, "))
    ),
    Defect(
        id="ehlo-check-of-a-draining-hub",
        subject="health checks",
        wrong="a draining hub greets, and refuses at MAIL: a check by EHLO sees nothing",
        change="",
        way=Drilled((f"drain:ht2{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("421 at mail", f"by ht2, {_BELIEVED}"), "relay"),),
        lints=("blind-check",),
    ),
    Defect(
        id="mail-check-cannot-log-in",
        subject="health checks",
        wrong="a check as far as MAIL sees nothing on 587, where MAIL wants STARTTLS first",
        change="nodes: {lb1: {check: {kind: mail}}}",
        way=Drilled((f"backpressure:ht2{GONE}",), ("submission",)),
        findings=(Finding("degraded", ("452 at mail", _BELIEVED), "submission"),),
    ),
    Defect(
        id="checks-too-slow",
        subject="health checks",
        wrong="three checks, ten seconds apart: a dead hub is given mail for longer than promised",
        change="nodes: {lb1: {check: {interval: 10s, timeout: 5s, fall: 3}}}",
        way=Drilled((f"kill:ht1{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("attempts failed",), "relay"),),
    ),
    Defect(
        id="checks-see-no-refusal-at-rcpt",
        subject="health checks",
        wrong="a hub whose directory is away refuses each recipient, and every check is green",
        change="nodes: {lb1: {check: {kind: mail}}}",
        way=Drilled((f"tempfail.rcpt:ht1{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("451 at rcpt", _BELIEVED), "relay"),),
    ),
)
