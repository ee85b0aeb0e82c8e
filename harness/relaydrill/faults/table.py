"""The faults that come with Relaydrill."""

from __future__ import annotations

from typing import Final

from relaydrill.faults.fault import ACTING, Fault, MachineFault, Power, Proof, ServiceFault
from relaydrill.faults.network import OF_THE_NETWORK
from relaydrill.faults.sender import OF_THE_SENDER
from relaydrill.smtp import Phase, Reply

TABLE: Final[tuple[Fault, ...]] = (
    # The control, which must not pass for a bite.
    MachineFault(
        kind="none",
        state="left as it is",
        summary="goes on as before",
        power=Power.NOTHING,
        proof=Proof.NONE,
    ),
    MachineFault(
        kind="kill", state="killed", summary="is killed without warning (SIGKILL)", power=Power.KILL
    ),
    MachineFault(
        kind="stop", state="stopped", summary="is stopped in good order (SIGTERM)", power=Power.STOP
    ),
    # A server that was installed anew, or whose queue database was found damaged and put aside.
    MachineFault(
        kind="lost-disk",
        state="without its disk",
        summary="is killed, and comes back without what it had queued",
        power=Power.LOSE_DISK,
    ),
    MachineFault(
        kind="pause",
        state="frozen",
        summary="is frozen (SIGSTOP): it connects, and is silent",
        power=Power.PAUSE,
    ),
    MachineFault(
        kind="blackhole",
        state="unreachable",
        summary="is unreachable: connecting to it times out",
        power=Power.BLACKHOLE,
    ),
    MachineFault(
        kind="isolate",
        state="cut off",
        summary="is cut off the network, and runs on",
        power=Power.ISOLATE,
    ),
    # Listeners are closed; sessions that are open are finished first.
    ServiceFault(
        kind="refuse",
        state="refusing",
        does="refuses connections; its host is up",
        action="close",
        proof=Proof.SILENT,
    ),
    ServiceFault(
        kind="hang",
        state="hanging",
        does="accepts connections, and is silent from {phase} on",
        action="hang",
        phase=Phase.BANNER,
        phases=ACTING,
    ),
    # What a proxy, a firewall or an overloaded server does to some of its connections.
    ServiceFault(
        kind="reset",
        state="resetting connections",
        does="cuts the connection at {phase}",
        action="drop",
        phase=Phase.BANNER,
        phases=ACTING,
    ),
    # Unavailable, draining, or at its connection limit (RFC 5321 §3.1, §3.8).
    ServiceFault(
        kind="busy",
        state="busy",
        does="greets with 421 and closes",
        action="reply",
        phase=Phase.BANNER,
        reply=Reply(421, "4.3.2 Service not available"),
    ),
    # Exchange low on disk or memory. A health check by EHLO and QUIT cannot see it.
    ServiceFault(
        kind="backpressure",
        state="under back pressure",
        does="is under back pressure: 452 at MAIL, a healthy banner and EHLO",
        action="reply",
        phase=Phase.MAIL,
        reply=Reply(452, "4.3.1 Insufficient system resources"),
    ),
    # No check sends a message (RFC 5321 §4.3.2: 452 is an answer to the data).
    ServiceFault(
        kind="full-disk",
        state="out of disk space",
        does="has no room to store a message: 452 after the dot, and all is well before",
        action="reply",
        phase=Phase.DOT,
        reply=Reply(452, "4.3.1 Insufficient system storage"),
    ),
    # A server in maintenance (Exchange 2013 and later). The same health check cannot see it.
    ServiceFault(
        kind="drain",
        state="draining",
        does="is draining: 421 at MAIL, a healthy banner and EHLO",
        action="reply",
        phase=Phase.MAIL,
        reply=Reply(421, "4.3.2 Service not active"),
    ),
    # A temporary and a permanent failure (RFC 5321 §4.2.1).
    ServiceFault(
        kind="tempfail",
        does="answers 451 at {phase}",
        action="reply",
        phase=Phase.RCPT,
        phases=ACTING,
        reply=Reply(451, "4.3.0 Local error in processing"),
    ),
    ServiceFault(
        kind="reject",
        state="rejecting",
        does="answers 550 at {phase}",
        action="reply",
        phase=Phase.RCPT,
        phases=ACTING,
        reply=Reply(550, "5.7.1 Unable to relay"),
    ),
    ServiceFault(
        kind="slow",
        state="slow",
        does="answers {phase} 5 s late",
        action="delay",
        phase=Phase.MAIL,
        phases=ACTING,
        delay_s=5.0,
    ),
    # Lies: the sender has its 250, and nobody but an account of every message finds out.
    ServiceFault(
        kind="swallow",
        state="swallowing mail",
        does="answers 250, and keeps nothing",
        action="swallow",
        phase=Phase.DOT,
    ),
    ServiceFault(
        kind="double",
        state="delivering twice",
        does="delivers every message twice",
        action="double",
        phase=Phase.DOT,
    ),
    ServiceFault(
        kind="misdeliver",
        state="delivering to others",
        does="delivers every message to somebody else in the recipient's domain",
        action="misdeliver",
        phase=Phase.DOT,
    ),
    ServiceFault(
        kind="truncate",
        state="cutting mail",
        does="cuts the body of every message in half",
        action="truncate",
        phase=Phase.DOT,
    ),
    ServiceFault(
        kind="garble",
        state="garbling mail",
        does="changes letters in the body of every message",
        action="garble",
        phase=Phase.DOT,
    ),
    ServiceFault(
        kind="readdress",
        state="rewriting headers",
        does="writes From and Subject of every message anew",
        action="readdress",
        phase=Phase.DOT,
    ),
    # The directory is away: a login cannot be checked (RFC 4954 §6) ...
    ServiceFault(
        kind="auth-down",
        state="without its directory",
        does="answers every login 454: it cannot be checked",
        action="reply",
        phase=Phase.AUTH,
        reply=Reply(454, "4.7.0 Temporary authentication failure"),
    ),
    # ... or fails for whoever it is, as with a password that expired, or a wrong realm.
    ServiceFault(
        kind="auth-refused",
        state="refusing logins",
        does="refuses every login: 535, whatever the password",
        action="reply",
        phase=Phase.AUTH,
        reply=Reply(535, "5.7.8 Authentication credentials invalid"),
    ),
    # A recipient cannot be looked up (RFC 3463 §3.5, X.4.3).
    ServiceFault(
        kind="directory-down",
        state="without its directory",
        does="puts every recipient off: 451, its directory does not answer",
        action="reply",
        phase=Phase.RCPT,
        reply=Reply(451, "4.4.3 Directory server failure"),
    ),
    # An empty answer of the directory taken for the truth: the mail is lost to its author.
    ServiceFault(
        kind="phantom-reject",
        state="refusing all recipients",
        does="refuses every recipient for good: 550 5.1.1, as if there were none",
        action="reply",
        phase=Phase.RCPT,
        reply=Reply(550, "5.1.1 User unknown"),
    ),
    # TLS, which no balancer's check speaks: since midnight, on one server of several.
    ServiceFault(
        kind="certificate-expired",
        state="showing an expired certificate",
        does="shows a certificate that has expired",
        action="certificate",
        flaw="expired",
        phase=Phase.STARTTLS,
    ),
    ServiceFault(
        kind="certificate-not-yet",
        state="showing a certificate that is not valid yet",
        does="shows a certificate that is not valid yet",
        action="certificate",
        flaw="not yet valid",
        phase=Phase.STARTTLS,
    ),
    ServiceFault(
        kind="certificate-name",
        state="showing a certificate of another name",
        does="shows a certificate of another name",
        action="certificate",
        flaw="wrong name",
        phase=Phase.STARTTLS,
    ),
    ServiceFault(
        kind="certificate-unknown",
        state="showing a certificate of an unknown authority",
        does="shows a certificate of an authority that no client knows",
        action="certificate",
        flaw="unknown authority",
        phase=Phase.STARTTLS,
    ),
    # Left out by the server, or by something before it (RFC 3207 §6).
    ServiceFault(
        kind="starttls-hidden",
        state="offering no STARTTLS",
        does="does not offer STARTTLS",
        action="strip",
        phase=Phase.EHLO,
    ),
    ServiceFault(
        kind="handshake-fails",
        state="failing handshakes",
        does="ends the TLS handshake with an alert",
        action="alert",
        phase=Phase.STARTTLS,
    ),
    ServiceFault(
        kind="handshake-stalls",
        state="stalling in handshakes",
        does="agrees to STARTTLS, and does not answer in the handshake",
        action="stall",
        phase=Phase.STARTTLS,
    ),
    # Never patched: TLS 1.0 and 1.1 are not to be used any more (RFC 8996).
    ServiceFault(
        kind="tls-outdated",
        state="speaking outdated TLS",
        does="speaks no TLS newer than 1.1",
        action="outdated",
        phase=Phase.STARTTLS,
    ),
    # A zone that was lost, or never delegated.
    ServiceFault(
        kind="nxdomain",
        state="denying every name",
        does="says that no name exists",
        action="rcode",
        rcode="NXDOMAIN",
    ),
    # A zone that the name server could not load (RFC 2308 §7.1).
    ServiceFault(
        kind="servfail",
        state="failing to answer",
        does="fails every question",
        action="rcode",
        rcode="SERVFAIL",
    ),
    # A record of old.
    ServiceFault(
        kind="stale",
        state="answering with an old address",
        does="gives an address that nobody has",
        action="stale",
    ),
    # After this nothing may have been accepted.
    ServiceFault(
        kind="drop-mid-data",
        does="cuts the connection in the middle of DATA",
        action="drop",
        phase=Phase.BODY,
    ),
    # The sender cannot know, and the message is not there (RFC 5321 §4.5.4.1).
    ServiceFault(
        kind="drop-before-store",
        does="cuts the connection after the dot, before storing",
        action="drop",
        phase=Phase.DOT,
    ),
    # The sender's retry becomes a duplicate (RFC 5321 §4.5.4.1, RFC 1047).
    ServiceFault(
        kind="drop-after-store",
        does="cuts the connection after storing, before the 250",
        action="drop",
        phase=Phase.REPLY,
    ),
    *OF_THE_NETWORK,
    *OF_THE_SENDER,
)
"""In the order in which ``relaydrill faults`` shows them."""
