"""What runs in a node of Postfix: its keeper, or a sender that hands mail in to it."""

from __future__ import annotations

from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.service import Service


def build(settings: config.NodeConfig, journal: Journal, disturbances: Disturbances) -> Service:
    """The keeper of a hub or a mailbox server, or a sending host.

    Where a sending host's Postfix has a log already, it runs already.
    """
    if isinstance(settings, config.Mta):
        from relaydrill.nodes.sending.sending_mta import SendingMta

        if settings.log:
            from relaydrill.kinds.postfix.attached import AttachedPostfix

            return SendingMta(settings, journal, AttachedPostfix(settings))
        from relaydrill.kinds.postfix.sending import SendingPostfix

        return SendingMta(settings, journal, SendingPostfix(settings))
    from relaydrill.kinds.postfix.keeper import PostfixKeeper

    assert isinstance(settings, config.Hub | config.Mailbox)
    return PostfixKeeper(settings, journal, disturbances)
