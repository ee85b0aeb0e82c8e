"""What a node can be told to do instead of serving: at one point of a session, something else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from relaydrill.smtp import Phase, Reply

_Lie = Literal["swallow", "double", "misdeliver", "truncate", "garble", "readdress"]
_InTls = Literal["certificate", "strip", "alert", "stall", "outdated"]
Action = Literal["reply", "delay", "drop", "hang", "close", "rcode", "stale"] | _Lie | _InTls

Flaw = Literal["expired", "not yet valid", "wrong name", "unknown authority"]
"""What can be wrong with a certificate."""

LIES: Final[frozenset[Action]] = frozenset(get_args(_Lie))
"""What a server can do with a message that it says to have taken."""

OF_TLS: Final[frozenset[Action]] = frozenset(get_args(_InTls))
"""What a server of SMTP that has a certificate can be made to do, too."""

OF_A_MAIL_SERVER: Final[frozenset[Action]] = LIES | {"reply", "delay", "drop", "hang", "close"}
"""What a server of SMTP can be made to do."""

OF_A_NAME_SERVER: Final[frozenset[Action]] = frozenset({"rcode", "stale", "hang", "delay"})
"""What a name server can be made to do."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One service fault.

    Attributes:
        label: Names it, so that it can be lifted.
        action: ``reply`` answers with ``reply`` instead; ``delay`` waits ``delay_s`` and goes on;
            ``drop`` cuts the connection; ``hang`` is silent until the fault is lifted; ``close``
            takes the listeners away, so that connections are refused. A name server's own:
            ``rcode`` answers with ``rcode`` and nothing else, ``stale`` with an address that
            nobody has. `LIES` act on a message that was taken with 250: ``swallow`` keeps nothing,
            ``double`` delivers it twice, ``misdeliver`` to somebody else, ``truncate`` half of its
            body, ``garble`` another body, ``readdress`` under another From and Subject. `OF_TLS`:
            ``certificate`` shows another one, ``strip`` offers no STARTTLS, ``alert`` ends the
            handshake with an alert, ``stall`` leaves it without an answer until it is lifted,
            ``outdated`` knows no TLS newer than 1.1.
        phase: Where it acts; None is everywhere. ``close`` acts at no phase.
        strength: Of the sessions that come as far as that, the part that it acts on, above 0 and
            at most 1. ``close`` acts on all.
        seed: From which it is drawn on which.
        certificate: The one that is shown, with its chain, PEM.
        key: Its private key, PEM.
    """

    label: str
    action: Action
    phase: Phase | None = None
    reply: Reply | None = None
    delay_s: float = 0.0
    rcode: str = ""
    strength: float = 1.0
    seed: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Disturbance:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is no disturbance.
        """
        phase, reply = data.get("phase"), data.get("reply")
        return cls(
            label=str(data["label"]),
            action=data["action"],
            phase=Phase(phase) if phase else None,
            reply=Reply(int(reply[0]), str(reply[1])) if reply else None,
            delay_s=float(data.get("delay_s", 0.0)),
            rcode=str(data.get("rcode", "")),
            strength=float(data.get("strength", 1.0)),
            seed=str(data.get("seed", "")),
            certificate=str(data.get("certificate", "")),
            key=str(data.get("key", "")),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the control channel."""
        return {
            "label": self.label,
            "action": self.action,
            "phase": self.phase,
            "reply": [self.reply.code, self.reply.text] if self.reply else None,
            "delay_s": self.delay_s,
            "rcode": self.rcode,
            "strength": self.strength,
            "seed": self.seed,
            "certificate": self.certificate,
            "key": self.key,
        }
