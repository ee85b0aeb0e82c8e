"""The keywords of haproxy.cfg that are known: what is not among them is told of.

Known is not the same as used: most say nothing of who gets mail when something dies (logs, limits,
HTTP). By the HAProxy configuration manual, "Proxy keywords matrix".
"""

from __future__ import annotations

from typing import Final

SECTIONS: Final = frozenset(
    {
        *("global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "userlist"),
        *("mailers", "program", "http-errors", "ring", "log-forward", "cache", "fcgi-app"),
        *("crt-store", "traces", "acme", "log-profile"),
    }
)
"""What begins a section."""

STATEMENTS: Final = frozenset(
    {
        *("acl", "balance", "bind", "default-server", "default_backend", "mode", "server"),
        *("server-template", "source", "stick", "stick-table", "tcp-check", "timeout"),
        *("use_backend", "retries", "hash-type", "hash-balance-factor", "use-server"),
        *("tcp-request", "tcp-response", "id", "description", "log", "log-format", "log-format-sd"),
        *("log-tag", "log-steps", "maxconn", "fullconn", "backlog", "disabled", "enabled"),
        *("rate-limit", "stats", "email-alert", "load-server-state-from-file"),
        *("server-state-file-name", "external-check", "dispatch", "unique-id-format"),
        *("unique-id-header", "error-log-format", "grace", "bind-process", "filter", "declare"),
        *("persist", "force-persist", "ignore-persist", "max-keep-alive-queue", "cookie"),
        *("capture", "compression", "errorfile", "errorfiles", "errorloc", "errorloc302"),
        *("errorloc303", "http-check", "http-request", "http-response", "http-after-response"),
        *("http-error", "http-reuse", "http-send-name-header", "monitor", "monitor-uri"),
        *("monitor-net", "redirect", "retry-on", "use-fcgi-app", "appsession", "clitcpka-cnt"),
        *("clitcpka-idle", "clitcpka-intvl", "srvtcpka-cnt", "srvtcpka-idle", "srvtcpka-intvl"),
        *("max-session-srv-conns", "guid", "quic-initial"),
    }
)
"""What may stand in a proxy."""

OPTIONS: Final = frozenset(
    {
        *("abortonclose", "accept-invalid-http-request", "accept-invalid-http-response"),
        *("accept-unsafe-violations-in-http-request", "accept-unsafe-violations-in-http-response"),
        *("allbackups", "checkcache", "clitcpka", "contstats", "disable-h2-upgrade"),
        *("dontlog-normal", "dontlognull", "external-check", "forceclose", "forwarded"),
        *("forwardfor", "h1-case-adjust-bogus-client", "h1-case-adjust-bogus-server"),
        *("http-buffer-request", "http-ignore-probes", "http-keep-alive", "http-no-delay"),
        *("http-pretend-keepalive", "http-restrict-req-hdr-names", "http-server-close"),
        *("http-tunnel", "http-use-htx", "http-use-proxy-header", "httpchk", "httpclose"),
        *("httplog", "httpslog", "idle-close-on-response", "independent-streams", "ldap-check"),
        *("log-health-checks", "log-separate-errors", "logasap", "mysql-check", "nolinger"),
        *("originalto", "persist", "pgsql-check", "prefer-last-server", "redis-check"),
        *("redispatch", "smtpchk", "socket-stats", "splice-auto", "splice-request"),
        *("splice-response", "spop-check", "srvtcpka", "ssl-hello-chk", "tcp-check"),
        *("tcp-smart-accept", "tcp-smart-connect", "tcpka", "tcplog", "transparent"),
        *("assume-rfc6587-ntf", "http-drop-request-trailers", "http-drop-response-trailers"),
        *("use-small-buffers"),
    }
)
"""What may stand after ``option``."""
