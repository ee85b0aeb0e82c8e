"""What a server still has of our mail, as far as its own log shows that. Pure."""

from __future__ import annotations

from collections import defaultdict


class Leftovers:
    """By server: what it took, and what its log says that it is done with (``removed``)."""

    def __init__(self) -> None:
        self._taken: dict[str, set[str]] = defaultdict(set)
        self._done: dict[str, set[str]] = defaultdict(set)
        self._open: dict[str, set[str]] = defaultdict(set)

    def took(self, node: str, message: str) -> None:
        """A server promised a message, by its sender's word.

        Args:
            node: Which; empty where nothing tells.
            message: Its Message-ID.
        """
        self._taken[node].add(message)

    def note(self, node: str, queue_id: str, message: str, *, is_over: bool) -> None:
        """A server's log speaks of a message that it has.

        Args:
            node: Whose log it is.
            queue_id: The server's name for the message.
            message: Its Message-ID.
            is_over: Whether it says that the server is done with it, for all recipients.
        """
        if is_over:
            self._open[node].discard(queue_id)
            self._done[node].add(message)
        else:
            self._open[node].add(queue_id)

    def are_none(self, node: str) -> bool:
        """Whether a server took something, and its log shows that it is done with all of that.

        And with whatever else it calls ours: it may have stored what it never answered to. What was
        taken by nobody knows whom may be its, too, and counts with what it took itself.
        """
        taken = self._taken[node]
        return bool(taken) and taken | self._taken[""] <= self._done[node] and not self._open[node]
