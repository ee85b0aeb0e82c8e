"""Which of Relaydrill's own programs a node is. Each is imported only where it is used."""

from __future__ import annotations

from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.service import Service


def build(settings: config.NodeConfig, journal: Journal, disturbances: Disturbances) -> Service:
    """The service of a role.

    Raises:
        ValueError: There is no fake of it.
    """
    match settings:
        case config.Dns():
            from relaydrill.nodes.name_server import NameServer

            return NameServer(settings, journal, disturbances)
        case config.Hub():
            from relaydrill.nodes.transport.hub import HubService

            return HubService(settings, journal, disturbances)
        case config.Mailbox():
            from relaydrill.nodes.mailbox import MailboxService

            return MailboxService(settings, journal, disturbances)
        case config.Balancer():
            from relaydrill.nodes.balancing.balancer import BalancerService

            return BalancerService(settings, journal)
        case config.ClusterNode():
            from relaydrill.nodes.wnlb.observer import ClusterNode

            return ClusterNode(settings, journal)
        case config.Sender() if settings.workers:
            from relaydrill.nodes.sending.shared_sender import SharedSender

            return SharedSender(settings, journal)
        case config.Sender():
            from relaydrill.nodes.sending.sender import SenderService

            return SenderService(settings, journal)
        case config.Mta():
            raise ValueError(
                f"{settings.name} is a real mail server, and its kind is {settings.kind}"
            )
