"""Who may do what on a receive connector: the hooks that the SMTP library calls."""

from __future__ import annotations

import asyncio

from aiosmtpd.proxy_protocol import ProxyData
from aiosmtpd.smtp import Envelope, Session

from relaydrill.nodes import config
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.dialogue import Dialogue
from relaydrill.nodes.receiving.lies import falsified
from relaydrill.nodes.receiving.reception import Received, Reception
from relaydrill.smtp import Phase


class Policy:
    """The hooks for the sessions of one port."""

    def __init__(self, reception: Reception, listener: config.Listener) -> None:
        self._reception = reception
        self._port = listener.port

    async def handle_PROXY(
        self, dialogue: Dialogue, session: Session, envelope: Envelope, proxy: ProxyData
    ) -> bool:
        """From here on the client is the one that the proxy names (PROXY protocol v2, §2.2)."""
        if proxy.version == 2 and proxy.command == 0:  # LOCAL: the proxy's own health check
            dialogue.probe = True
            return True
        if proxy.src_addr is None:
            return False
        dialogue.client = str(proxy.src_addr)
        return True

    async def handle_HELO(
        self, dialogue: Dialogue, session: Session, envelope: Envelope, hostname: str
    ) -> str:
        """Greet the old way."""
        session.host_name = hostname
        dialogue.names_itself(hostname)
        return f"250 {replies.hello(dialogue.hostname, dialogue.client)}"

    async def handle_EHLO(
        self,
        dialogue: Dialogue,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Greet, and announce what this server really does; nothing else."""
        session.host_name = hostname
        dialogue.names_itself(hostname)
        offers = "AUTH LOGIN PLAIN" if session.ssl else "STARTTLS"
        return [
            replies.capabilities(
                dialogue.hostname,
                dialogue.client,
                dialogue.connector.size,
                offers if dialogue.tls_context else "",
            )
        ]

    async def handle_RSET(self, dialogue: Dialogue, session: Session, envelope: Envelope) -> str:
        """Forget the message."""
        return str(replies.RESETTING)

    async def handle_NOOP(
        self, dialogue: Dialogue, session: Session, envelope: Envelope, arg: str
    ) -> str:
        """Do nothing."""
        return str(replies.OK)

    async def handle_QUIT(self, dialogue: Dialogue, session: Session, envelope: Envelope) -> str:
        """Say goodbye."""
        return str(replies.CLOSING)

    async def handle_MAIL(
        self,
        dialogue: Dialogue,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take a sender from a client that this connector serves."""
        if not session.authenticated and not dialogue.connector.anonymous:
            return self._reception.refuse(dialogue, Phase.MAIL, replies.NOT_AUTHENTICATED)
        if refused := self._reception.filters_of(dialogue.connector).sender(address):
            return self._reception.refuse(dialogue, Phase.MAIL, refused[1], layer=refused[0])
        if put_off := self._reception.occupancy.begin_message(
            self._port, dialogue.connector, dialogue.client
        ):
            limit, reply = put_off
            return self._reception.refuse(dialogue, Phase.MAIL, reply, layer=limit)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return str(replies.SENDER_OK)

    async def handle_RCPT(
        self,
        dialogue: Dialogue,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take a recipient of an accepted domain, or any where the connector relays."""
        connector = dialogue.connector
        if len(envelope.rcpt_tos) >= connector.recipients:
            return self._reception.refuse(
                dialogue, Phase.RCPT, replies.TOO_MANY_RECIPIENTS, recipient=address
            )
        relay = connector.relay or bool(session.authenticated)
        refusal = self._reception.acceptor.takes(address, relay=relay)
        if refusal:
            return self._reception.refuse(dialogue, Phase.RCPT, refusal, recipient=address)
        if refused := self._reception.filters_of(dialogue.connector).recipient(
            address, dialogue.client
        ):
            if not session.authenticated:
                await asyncio.sleep(self._reception.filtering.tarpit_s)
            layer, reply = refused
            return self._reception.refuse(
                dialogue, Phase.RCPT, reply, recipient=address, layer=layer
            )
        if put_off := self._reception.puts_off(
            connector, dialogue.client, envelope.mail_from or "", address
        ):
            limit, reply = put_off
            return self._reception.refuse(
                dialogue, Phase.RCPT, reply, recipient=address, layer=limit
            )
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return str(replies.RECIPIENT_OK)

    async def handle_DATA(
        self, dialogue: Dialogue, session: Session, envelope: Envelope
    ) -> str | None:
        """Hand the message to the node, with the service faults before and after."""
        if dialogue.is_disturbed and await dialogue.interfere(Phase.DOT):
            return None
        content = envelope.original_content or b""
        if refused := self._reception.filters_of(dialogue.connector).content(content):
            layer, reply = refused
            return self._reception.refuse(dialogue, Phase.REPLY, reply, layer=layer)
        received = Received(
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            content=content,
            client=dialogue.client,
            helo=session.host_name or "",
            port=self._port,
            tls=session.ssl is not None,
            connector=dialogue.connector.name,
            shadow_of=dialogue.shadow_of,
            session=dialogue.session_id,
        )
        if dialogue.is_disturbed and (lie := dialogue.lies()):
            received = falsified(lie, received, domain=self._reception.settings.fqdn)
        reply = await self._reception.acceptor.accept(received)
        if dialogue.is_disturbed and await dialogue.interfere(Phase.REPLY):
            return None
        return str(reply) if reply.ok else self._reception.refuse(dialogue, Phase.REPLY, reply)
