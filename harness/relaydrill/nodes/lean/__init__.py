"""aiosmtpd's session at a better pace, and the same on the wire.

Stock aiosmtpd makes tables of its methods anew for every session, parses addresses with the email
package's header parser, and reads a message line by line. A test feeds the same dialogues to both
and compares what they answer.
"""

from __future__ import annotations

from relaydrill.nodes.lean.session import LeanSmtp

__all__ = ["LeanSmtp"]
