"""What the lines of a HAProxy of others say."""

from __future__ import annotations

import pytest

from relaydrill.mail_logs.haproxy import Change, Session, read

LINES: list[tuple[str, Session | Change | None]] = [
    (
        "127.0.0.1:47094 [30/Nov/2026:02:51:43.606] smtp smtp/ht1 1/0/23 12 -- 1/1/0/0/0 0/0",
        Session("smtp", "ht1", "--"),
    ),
    (
        "127.0.0.1:47092 [30/Nov/2026:02:51:41.721] smtp smtp/ht2 1/-1/939 0 CC 1/1/0/0/1 0/0",
        Session("smtp", "ht2", "CC"),
    ),
    (
        "2001:db8::7:55622 [30/Nov/2026:02:51:43.077] sub~ subs/<NOSRV> -1/-1/+0 +0 SC 1/1/0/0/+0"
        " 0/0",
        Session("subs", "", "SC"),
    ),
    (
        'Server smtp/ht1 is DOWN, reason: Layer4 connection problem, info: "Connection refused",'
        " check duration: 0ms. 1 active and 0 backup servers left. 0 sessions active.",
        Change("smtp", "ht1", False, 'Layer4 connection problem, info: "Connection refused"'),
    ),
    (
        "Server smtp/ht1 is UP, reason: Layer4 check passed, check duration: 0ms. 2 active and 0"
        " backup servers online. 0 sessions requeued, 0 total in queue.",
        Change("smtp", "ht1", True, "Layer4 check passed"),
    ),
    (
        "Server smtp/ht1 is going DOWN for maintenance. 1 active and 0 backup servers left.",
        Change("smtp", "ht1", False, ""),
    ),
    ("backend smtp has no server available!", Change("smtp", "", False, "no server is available")),
    ("Proxy smtp started.", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "said"), LINES)
def test_each_line_is_a_session_a_change_or_nothing(
    text: str, said: Session | Change | None
) -> None:
    """Lines of HAProxy 2.6, as it writes them with ``option tcplog``."""
    assert read(text) == said
