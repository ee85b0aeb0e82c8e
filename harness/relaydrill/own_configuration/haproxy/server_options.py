"""The options of a HAProxy server line, and how many words each takes.

By the HAProxy configuration manual, "Server and default-server options". An option that is not in
the table is told of, for nobody knows where the next one begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ALONE: Final = (
    *("agent-check", "allow-0rtt", "backup", "check", "check-send-proxy", "check-ssl"),
    *("check-via-socks4", "disabled", "enabled", "force-sslv3", "force-tlsv10", "force-tlsv11"),
    *("force-tlsv12", "force-tlsv13", "no-agent-check", "no-backup", "no-check"),
    *("no-check-send-proxy", "no-check-ssl", "no-send-proxy", "no-send-proxy-v2"),
    *("no-send-proxy-v2-ssl", "no-send-proxy-v2-ssl-cn", "no-ssl", "no-ssl-reuse", "no-sslv3"),
    *("no-tls-tickets", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13", "no-verifyhost"),
    *("no-tfo", "non-stick", "send-proxy", "send-proxy-v2", "send-proxy-v2-ssl"),
    *("send-proxy-v2-ssl-cn", "sslv3", "ssl", "ssl-reuse", "stick", "tfo", "tls-tickets"),
    *("tlsv10", "tlsv11", "tlsv12", "tlsv13"),
)
_WITH_ONE: Final = (
    *("addr", "agent-addr", "agent-inter", "agent-port", "agent-send", "alpn", "ca-file"),
    *("check-alpn", "check-proto", "check-sni", "ciphers", "ciphersuites", "client-sigalgs"),
    *("cookie", "crl-file", "crt", "curves", "downinter", "error-limit", "fall", "fastinter"),
    *("fullconn", "guid", "hash-key", "id", "idle-ping", "init-addr", "init-state", "inter"),
    *("log-bufsize", "log-proto", "max-reuse", "maxconn", "maxqueue", "minconn", "namespace"),
    *("npn", "observe", "on-error", "on-marked-down", "on-marked-up", "pool-conn-name"),
    *("pool-low-conn", "pool-max-conn", "pool-purge-delay", "port", "proto"),
    *("proxy-v2-options", "redir", "renegotiate", "resolve-net", "resolve-opts"),
    *("resolve-prefer", "resolvers", "rise", "shard", "sigalgs", "slowstart", "sni", "socks4"),
    *("ssl-max-ver", "ssl-min-ver", "strict-maxconn", "tcp-md5sig", "tcp-ut", "track"),
    *("usesrc", "verify", "verifyhost", "weight", "ws"),
)

WORDS: Final[dict[str, int]] = {
    **dict.fromkeys(_ALONE, 0),
    **dict.fromkeys(_WITH_ONE, 1),
    "set-proxy-v2-tlv-fmt": 1,
    # The address; `usesrc` and `interface` after it are options of their own.
    "source": 1,
    "interface": 1,
}
"""How many words follow each option."""

OFF: Final[Mapping[str, tuple[str, ...]]] = {
    f"no-{name}": (name,)
    for name in (
        *("agent-check", "backup", "check", "check-send-proxy", "check-ssl", "ssl", "tfo"),
        *("send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn"),
    )
} | {"enabled": ("disabled",)}
"""What takes back an option, such as one of a `default-server`."""
