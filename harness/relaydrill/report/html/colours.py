"""The colours of a page, for light and for dark; tests/report hold them to their contrast.

A colour never says what a word, a mark or a hatch does not.
"""

from __future__ import annotations

from typing import Final

LIGHT: Final = {
    "page": "#f4f6f8",
    "card": "#ffffff",
    "ink": "#17202b",
    "muted": "#55616f",
    "line": "#d5dce3",
    "link": "#1d5a9e",
    "pass": "#17663d",
    "pass-tint": "#e2f2e8",
    "fail": "#a3201a",
    "fail-tint": "#fce8e6",
    "unknown": "#7a4d00",
    "unknown-tint": "#fcf0d6",
    "accepted": "#20538f",
    "accepted-tint": "#e4eef9",
    "note": "#46525f",
    "note-tint": "#e8ecf0",
    "fault-tint": "#f6cfca",
    "belief-tint": "#d9e0e8",
    "stall-tint": "#f5e3b5",
    "gap": "#a3201a",
    "failed": "#c23a30",
    "s0": "#2b6cb0",
    "s1": "#12857a",
    "s2": "#a86e12",
    "s3": "#7656b3",
    "s4": "#55687c",
    "s5": "#ad4379",
}

DARK: Final = {
    "page": "#0f1419",
    "card": "#171d24",
    "ink": "#e6ebf0",
    "muted": "#a5b1bd",
    "line": "#323c47",
    "link": "#86b9f0",
    "pass": "#7fd6a6",
    "pass-tint": "#15332a",
    "fail": "#ff9d94",
    "fail-tint": "#432020",
    "unknown": "#efc26e",
    "unknown-tint": "#3a2e15",
    "accepted": "#9cc6f5",
    "accepted-tint": "#1b3048",
    "note": "#b4c0cb",
    "note-tint": "#2a333d",
    "fault-tint": "#6b2d2b",
    "belief-tint": "#33404d",
    "stall-tint": "#55451d",
    "gap": "#ff9d94",
    "failed": "#f0766b",
    "s0": "#6aa6e6",
    "s1": "#45c0b0",
    "s2": "#d8a546",
    "s3": "#b199e3",
    "s4": "#9badc0",
    "s5": "#e187b4",
}

SERIES: Final = 6
"""So many colours are there for nodes; with their hatches they make as many again and again."""

STATUSES: Final = ("pass", "fail", "unknown", "accepted", "note")

TEXTS: Final = (
    *((text, ground) for text in ("ink", "muted", "link") for ground in ("page", "card")),
    *((status, f"{status}-tint") for status in STATUSES),
    *((status, "card") for status in STATUSES),
    *(("ink", f"{status}-tint") for status in STATUSES),
    *(("ink", f"{tint}-tint") for tint in ("fault", "belief", "stall")),
)
"""Which text stands on which ground."""

MARKS: Final = (*(f"s{number}" for number in range(SERIES)), "failed", "gap")
"""What is drawn on a card."""


def declarations(colours: dict[str, str]) -> str:
    """Colours as CSS custom properties."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())
