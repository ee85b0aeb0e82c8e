"""What servers call messages of ours: by queue ids, and by what they replied to their senders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from relaydrill.mail_logs.deeds import Deed
from relaydrill.mail_logs.reading import is_no_promise


class ServerNames:
    """Knows by which names servers speak of messages; a node without a name is empty."""

    def __init__(self) -> None:
        self._by_queue_id: dict[tuple[str, str], str] = {}
        self._by_reply: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._named: set[tuple[str, str]] = set()

    def replied(self, node: str, message: str, text: str) -> None:
        """A server took a message: one of the words of its reply may be its queue id."""
        reply = _words(text)
        if is_no_promise(reply) and message not in self._by_reply[node, reply]:
            self._by_reply[node, reply].append(message)
        for word in reply.split():
            # Two servers without a name may give one queue id to two messages: then it is nobody's.
            is_new = self._by_queue_id.get((node, word), message) == message
            self._by_queue_id[node, word] = message if node or is_new else ""

    def logged(self, node: str, queue_id: str, message: str, *, is_named: bool) -> None:
        """A server's log speaks of a message by a queue id.

        Args:
            node: The server.
            queue_id: What it calls the message.
            message: Our name of it.
            is_named: Whether the log tells its Message-ID.
        """
        self._by_queue_id[node, queue_id] = message
        if is_named:
            self._named.add((node, queue_id))

    def ended(self, node: str, queue_id: str) -> None:
        """A server is done with a message: the next of this queue id is another."""
        self._by_queue_id.pop((node, queue_id), None)

    def by_queue_id(self, node: str, deed: Deed) -> str:
        """The message that a deed is about by its queue id; empty if it is none of ours."""
        if not deed.queue_id or (deed.message and (node, deed.queue_id) in self._named):
            return ""  # another message, which got the name of one of ours that is gone
        known = self._by_queue_id
        return known.get((node, deed.queue_id)) or known.get(("", deed.queue_id), "")

    def by_reply(self, node: str, deed: Deed, may_be: Callable[[str], bool]) -> str:
        """The message that was answered in the words of a deed, and is not told yet; or empty.

        What a filter before the queue (Postfix's ``smtpd_proxy_filter``) has thrown away never had
        a queue id: its reply is all that server and client both know of it.

        Args:
            node: Whose deed it is.
            deed: One that names no message.
            may_be: Whether it may be about a message.
        """
        said = _words(deed.said.partition(" ")[2])
        for by in (node, ""):
            for message in self._by_reply.get((by, said), ()):
                if may_be(message):
                    self._by_reply[by, said].remove(message)
                    return message
        return ""

    def known_on(self, node: str) -> dict[str, str]:
        """The messages whose queue ids a server told, in its replies or in its log.

        And those that one told whose banner is nobody's: it may be this one.
        """
        found = {
            owner: {word: each for (by, word), each in self._by_queue_id.items() if by == owner}
            for owner in ("", node)
        }
        return {**found[""], **found[node]}


def _words(said: str) -> str:
    return " ".join(said.split())
