"""Postfix as a node: as hub or mailbox server behind a keeper, or as a mail server that sends."""

from __future__ import annotations

from typing import Final

from relaydrill.kinds.kind import NodeKind, Refusal, Retries

KIND: Final = NodeKind(
    name="postfix",
    title="Postfix",
    roles=("hub", "mailbox", "sender"),
    package="postfix",
    in_image="Postfix as hub, mailbox server and sending MTA",
    own_machine=True,
    one_connector_a_port=True,
    refusals=(
        Refusal(
            role="hub",
            setting="ack",
            usual="stored",
            what="a real postfix answers when it has stored",
            remedy="stored, or kind: fake",
        ),
        Refusal(
            role="hub",
            setting="logs",
            usual=False,
            what="a real postfix keeps no logs as Exchange does",
            remedy="no logs, or kind: fake",
        ),
        Refusal(
            role="hub",
            setting="rewrites",
            usual=(),
            what="a real postfix writes anew what its own configuration says",
            remedy="kind: fake",
        ),
    ),
    attaches=True,
    # postconf(5): minimal_backoff_time, maximal_backoff_time, queue_run_delay.
    retries=Retries(first=300.0, longest=4000.0, queue_run=300.0),
)
