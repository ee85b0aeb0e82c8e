"""Hubs: too few of them, or wrong in what they promise and store."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from .defect import GONE, Defect, Drilled, Finding, Tampered

DEFECTS: Final = (
    Defect(
        id="single-hub",
        subject="hubs",
        wrong="one hub behind the balancer",
        change="nodes: {ht2: null, ht3: null, lb1: {backends: [ht1]}}",
        way=Drilled((f"kill:ht1{GONE}",), ("relay",)),
        findings=(Finding("gap", ("nothing accepted",), "relay"),),
    ),
    Defect(
        id="stores-twice",
        subject="hubs",
        wrong="a hub queues each message twice, where duplicates are forbidden",
        change="""
nodes: {ht3: {copies: 2}}
expect: {duplicated: 0}
""",
        way=Drilled((), ("relay",)),
        findings=(Finding("account", ("duplicated", "accepted by ht3"), "relay"),),
    ),
    Defect(
        id="stores-and-refuses",
        subject="hubs",
        wrong="a hub stores a message and then answers 451: the sender sends it again elsewhere",
        change="",
        way=Drilled((f"tempfail.reply:ht1{GONE}",), ("relay",)),
        findings=(Finding("account", ("phantom",), "relay"),),
    ),
    Defect(
        id="retries-after-a-cut-arrive-twice",
        subject="hubs",
        wrong="a hub cuts the connection after storing: a sender that retries sends a duplicate",
        change="""
names: {hubs.contoso.com: [ht1, ht2]}
flows: {retrying: {from: app, persona: postfix, to: hubs.contoso.com, rate: 40/s}}
expect: {duplicated: 0}
""",
        way=Drilled((f"drop-after-store:ht1{GONE}",), ("retrying",)),
        findings=(Finding("account", ("duplicated",), "retrying"),),
    ),
    Defect(
        id="cuts-the-data",
        subject="hubs",
        wrong="a firewall before one hub cuts connections in the middle of DATA; checks are green",
        change="",
        way=Drilled((f"drop-mid-data:ht1{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("unanswered at",), "relay"),),
    ),
    Defect(
        id="answers-too-late",
        subject="hubs",
        wrong="one hub answers MAIL five seconds late, and the application promises three",
        change="expect: {gap: 15s, degraded: 3s}",
        way=Drilled((f"slow:ht1{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("accepted late",), "relay"),),
    ),
    Defect(
        id="answers-late-behind-a-blind-check",
        subject="hubs",
        wrong="one hub answers MAIL five seconds late, for ever; the check by EHLO is green",
        change="",
        way=Drilled(("slow:ht1@10s+35s",), ("relay",)),
        findings=(
            Finding("degraded", ("accepted late", "by ht1, which the balancer believed"), "relay"),
        ),
    ),
    Defect(
        id="alters-the-body",
        subject="hubs",
        wrong="something on the way changes the body of one message in ten",
        change="",
        way=Tampered(
            "mbx", "arrived", detail=MappingProxyType({"digest": "0" * 64}), flows=("relay",)
        ),
        findings=(Finding("account", ("altered",), "relay"),),
    ),
)
