"""Where everything of a timeline is drawn. Pure: horizontally in percent, vertically in pixels.

So a chart is as wide as its page, and its bars, hatches and words keep their size on a phone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from relaydrill.report.html.timeline import Span, Timeline, rounded_up

PLOT_PX: Final = 168
LANE_PX: Final = 20
_FOOT_PX: Final = 22
_STEPS: Final = 7
"""Of a bucket; its bar fills all but one of them."""
_LEAST_PX: Final = 2.0
"""The height of a bar of anything at all."""
_MOST_LANES: Final = 4
_APART: Final = 0.5
"""Spans of a lane closer than this are drawn as one, or a restless hour would fill a file."""
_TEXT_FITS: Final = 0.55
"""Where a lane's span begins after this part of the axis, its words end where it ends."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle: ``x`` and ``width`` in percent, ``y`` and ``height`` in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class BucketBar:
    """The bar of one bucket; ``y`` and ``height`` in pixels, in halves of one."""

    bucket: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Stack:
    """The bars of one node."""

    node: str
    bars: tuple[BucketBar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: percent from the left, or pixels from the top."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A strip above the bars: ``kind`` is fault, belief or stall.

    Attributes:
        bars: When it was so.
        text_at: Percent from the left.
        from_right: Whether the words end there, in place of beginning.
    """

    kind: str
    text: str
    bars: tuple[Bar, ...]
    text_at: float
    from_right: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A timeline, drawn.

    Attributes:
        height: Of all.
        top: Where the bars begin.
        bottom: Where the bars end.
        zero: Accepted above, failed below it.
        buckets: So many share the width.
        changes: Percent, where a fault began or ended.
    """

    height: float
    top: float
    bottom: float
    zero: float
    buckets: int
    stacks: tuple[Stack, ...]
    failed: tuple[BucketBar, ...]
    lanes: tuple[Lane, ...]
    gap: Bar | None
    changes: tuple[float, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]

    @property
    def unit(self) -> str:
        """What takes the numbers of `outline` to the rectangle in which the bars stand, 1 by 1."""
        across, down = self.buckets * _STEPS, round(2 * (self.bottom - self.top))
        return f"scale({1 / across:.6g} {1 / down:.6g}) translate(.5)"

    def outline(self, bars: Iterable[BucketBar]) -> str:
        """Bars as one path: across in sevenths of a bucket, down in halves of a pixel.

        A rectangle for each bar would be three times as many bytes, of which a page has mostly
        bars. What is filled is closed by itself.
        """
        across = _STEPS - 1
        return "".join(
            f"M{bar.bucket * _STEPS} {round(2 * (bar.y - self.top))}"
            f"h{across}v{round(2 * bar.height)}h-{across}"
            for bar in bars
        )


def draw(timeline: Timeline) -> Chart:
    """Place everything of a timeline."""
    return _Drawing(timeline).chart()


def round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 6, 8 or 10 times a power of ten."""
    return rounded_up(value, (1, 2, 4, 5, 6, 8, 10)) if value > 0 else 0.0


def x_steps(length_s: float) -> tuple[float, ...]:
    """Round moments, six at most, from nothing on."""
    step = round_up(max(length_s, 1e-3) / 6)
    return tuple(round(number * step, 6) for number in range(int(length_s / step + 1e-9) + 1))


class _Drawing:
    def __init__(self, timeline: Timeline) -> None:
        self._line = timeline
        # The last bucket may reach beyond the last outcome; the axis ends with it.
        self._span_s = max(len(timeline.failed) * timeline.width_s, 1e-9)
        self._most_up = round_up(max(timeline.accepted, default=0) / timeline.width_s)
        self._most_down = round_up(max(timeline.failed, default=0) / timeline.width_s)
        self._lanes = self._all_lanes()
        self._top = len(self._lanes) * LANE_PX + 6.0
        self._px = PLOT_PX / ((self._most_up + self._most_down) or 1.0)
        self._zero = _halved(self._top + self._most_up * self._px)

    def chart(self) -> Chart:
        line, bottom = self._line, self._top + PLOT_PX
        return Chart(
            height=bottom + _FOOT_PX,
            top=self._top,
            bottom=bottom,
            zero=self._zero,
            buckets=len(line.failed),
            stacks=self._stacks(),
            failed=tuple(
                _bar(number, self._zero, self._zero + self._height(count))
                for number, count in enumerate(line.failed)
                if count
            ),
            lanes=self._lanes,
            gap=self._across(line.gap, self._top, PLOT_PX) if line.gap else None,
            changes=self._changes(),
            x_ticks=tuple(Tick(self._x(at), f"{at:g}") for at in x_steps(line.length_s)),
            y_ticks=self._y_ticks(),
        )

    def _changes(self) -> tuple[float, ...]:
        moments = [each for span in self._line.faults for each in (span.begin_s, span.end_s)]
        return tuple(dict.fromkeys(self._x(each) for each in moments if each is not None))

    def _stacks(self) -> tuple[Stack, ...]:
        tops = [self._zero] * len(self._line.failed)
        stacks = []
        for series in self._line.series:
            bars = []
            for number, count in enumerate(series.counts):
                if count:
                    foot = tops[number]
                    tops[number] -= self._height(count)
                    bars.append(_bar(number, tops[number], foot))
            stacks.append(Stack(series.node, tuple(bars)))
        return tuple(stacks)

    def _height(self, count: int) -> float:
        return max(_LEAST_PX, count / self._line.width_s * self._px)

    def _x(self, moment_s: float) -> float:
        return round(100 * moment_s / self._span_s, 3)

    def _across(self, span: Span, y: float, height: float) -> Bar:
        begin = self._x(span.begin_s)
        end = 100.0 if span.end_s is None else self._x(span.end_s)
        return Bar(begin, y, round(max(0.15, end - begin), 3), height)

    def _y_ticks(self) -> tuple[Tick, ...]:
        marks = [(self._most_up, self._top), (0.0, self._zero)]
        if self._most_up * self._px > 80:
            marks.insert(1, (self._most_up / 2, (self._top + self._zero) / 2))
        if self._most_down * self._px >= 14:
            marks.append((self._most_down, self._top + PLOT_PX))
        return tuple(
            Tick(round(y, 2), f"{value:g}") for value, y in marks if value or y == self._zero
        )

    def _all_lanes(self) -> tuple[Lane, ...]:
        """What was broken, then what the balancer believed, then the machine's own troubles."""
        wanted = [
            *(("fault", label, spans) for label, spans in _by_label(self._line.faults)),
            *(("belief", label, spans) for label, spans in _by_label(self._line.beliefs)),
        ]
        if len(wanted) > _MOST_LANES:
            wanted = [*_merged("fault", self._line.faults), *_merged("belief", self._line.beliefs)]
        if self._line.stalls:
            wanted.append(("stall", "machine starved", list(self._line.stalls)))
        return tuple(self._lane(row, *each) for row, each in enumerate(wanted))

    def _lane(self, row: int, kind: str, text: str, spans: list[Span]) -> Lane:
        bars = _joined(self._across(each, row * LANE_PX + 2.0, LANE_PX - 4.0) for each in spans)
        begin, end = bars[0].x, bars[-1].x + bars[-1].width
        from_right = begin > 100 * _TEXT_FITS
        return Lane(
            kind, text, bars, round(min(100.0, end), 3) if from_right else begin, from_right
        )


def _bar(bucket: int, top: float, foot: float) -> BucketBar:
    top, foot = _halved(top), _halved(foot)
    return BucketBar(bucket, top, foot - top)


def _halved(pixels: float) -> float:
    """In halves of a pixel: no screen shows more."""
    return round(2 * pixels) / 2


def _joined(bars: Iterable[Bar]) -> tuple[Bar, ...]:
    """Bars of one lane, from the left; those that nearly touch are one."""
    joined: list[Bar] = []
    for bar in sorted(bars, key=lambda each: each.x):
        last = joined[-1] if joined else None
        if last and bar.x - (last.x + last.width) < _APART:
            end = max(last.x + last.width, bar.x + bar.width)
            joined[-1] = replace(last, width=round(end - last.x, 3))
        else:
            joined.append(bar)
    return tuple(joined)


def _by_label(spans: tuple[Span, ...]) -> list[tuple[str, list[Span]]]:
    found: dict[str, list[Span]] = {}
    for each in spans:
        found.setdefault(each.label, []).append(each)
    return list(found.items())


def _merged(kind: str, spans: tuple[Span, ...]) -> list[tuple[str, str, list[Span]]]:
    """Many of one kind in one lane: the words tell how many."""
    labels = {each.label for each in spans}
    if not labels:
        return []
    what = "faults in force" if kind == "fault" else "backends believed to be down"
    text = next(iter(labels)) if len(labels) == 1 else f"{len(labels)} {what}"
    return [(kind, text, sorted(spans, key=lambda each: each.begin_s))]


def percent_ticks(top: float) -> tuple[Tick, ...]:
    """Marks on an axis of shares from nothing to ``top``."""
    step = next(each for each in (0.05, 0.1, 0.2, 0.25) if ceil(top / each) <= 5)
    count = int(top / step + 1e-9)
    return tuple(Tick(round(100 * n * step / top, 3), f"{n * step:.0%}") for n in range(count + 1))
