"""The charts of the summary page, as SVG that stands in the page: its colours and fonts are the page's.

Drawn by matplotlib without any backend for screens. Each carries a title and a description for those who do not see
it; bars differ in lightness, not in hue alone, and each has its number beside it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from nabo_pipeline.media.statistics import Bin, Sizes, human_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 400
"""Units of a chart: about the pixels of a phone, so that its text can be read there."""
_TEXT = 12
_POINTS_PER_INCH = 72

# Stand-ins that no picture uses: each becomes a colour of the page, which knows light, dark and paper.
_COLOURS: Mapping[str, str] = {
    "#010101": "var(--ink)",
    "#020202": "var(--faint)",
    "#030303": "var(--line)",
    "#040404": "var(--before)",
    "#050505": "var(--after)",
    "#060606": "var(--excluded)",
    "#070707": "var(--quarantined)",
}
_INK, _FAINT, _LINE, BEFORE, AFTER, EXCLUDED, QUARANTINED = _COLOURS


@dataclass(frozen=True)
class Bar:
    """A labelled bar: its length, its number in words, and its colour (one of this module's)."""

    label: str
    length: float
    told: str
    colour: str


def sizes_chart(name: str, title: str, sizes: Mapping[str, Sizes]) -> Markup:
    """Bytes before and after, a pair of bars for each name."""
    groups = []
    for label, one in sizes.items():
        change = (
            f"{one.saved_percent:.1f}% smaller" if one.saved >= 0 else f"{-one.saved_percent:.1f}% larger"
        )
        groups.append(
            (
                f"{label}: {one.files:,} {'file' if one.files == 1 else 'files'}, {change}",
                (
                    Bar("before", one.before, human_bytes(one.before), BEFORE),
                    Bar("after", one.after, human_bytes(one.after), AFTER),
                ),
            )
        )
    told = "; ".join(f"{label}, {bars[0].told} before and {bars[1].told} after" for label, bars in groups)
    return _bars(name, title, told or "no picture was migrated", groups)


def reasons_chart(name: str, title: str, bars: Sequence[Bar]) -> Markup:
    """A bar for each reason."""
    told = "; ".join(f"{bar.label}: {bar.told}" for bar in bars)
    return _bars(name, title, told or "every file was migrated", [(bar.label, (bar,)) for bar in bars])


def histogram(name: str, title: str, across: str, bins: Sequence[Bin], *, unit: str = "") -> Markup:
    """Files by a measure; bars from the first to the last bin that holds any."""
    filled = [place for place, one in enumerate(bins) if one.files]
    shown = bins[filled[0] : filled[-1] + 1] if filled else []
    told = "; ".join(f"{_bounds(one, unit)}: {one.files:,} files" for one in shown if one.files)
    with _drawing(name):
        figure, axes = _figure(210)
        axes.set_position((0.02, 0.2, 0.96, 0.72))
        most = max((one.files for one in shown), default=0)
        for place, one in enumerate(shown):
            axes.bar(place, one.files, width=0.86, color=AFTER)
            if one.files:
                axes.text(
                    place, one.files + most * 0.02, f"{one.files:,}", ha="center", va="bottom", color=_INK,
                    fontsize=_TEXT if len(shown) < 12 else _TEXT - 3,
                )  # fmt: skip
        _scale(axes, shown, unit)
        axes.set_xlim(-0.9, max(len(shown), 1) - 0.1)
        axes.set_ylim(0, (most or 1) * 1.12)
        if not shown:
            axes.text(0, 0.5, "nothing to show", color=_FAINT, fontsize=_TEXT)
        figure.text(0.98, 0.02, across, ha="right", va="bottom", color=_FAINT, fontsize=_TEXT)
        return _svg(figure, name, title, f"{across}. {told or 'No file.'}")


def _bounds(one: Bin, unit: str) -> str:
    high = f"{one.high:g}{unit}"
    return f"below {high}" if one.low is None else f"{one.low:g} to {high}"


def _scale(axes: Axes, shown: Sequence[Bin], unit: str) -> None:
    """Bounds below the bars, about five of them."""
    step = max(1, -(-len(shown) // 5))
    for place in range(0, len(shown) + 1, step):
        bound = shown[place].low if place < len(shown) else shown[-1].high if shown else None
        if bound is not None:
            axes.text(
                place - 0.5, -0.03, f"{bound:g}{unit}", ha="center", va="top", color=_FAINT, fontsize=_TEXT,
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
    axes.axhline(0, color=_LINE, linewidth=1.5)


def _bars(name: str, title: str, told: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> Markup:
    """Horizontal bars under their labels, the number at the end of each."""
    line, thick, gap = 16, 13, 10
    height = sum(line + thick * len(bars) + gap for _, bars in groups) or line
    longest = max((bar.length for _, bars in groups for bar in bars), default=0) or 1
    with _drawing(name):
        figure, axes = _figure(height)
        axes.set_position((0, 0, 1, 1))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(height, 0)
        top = 0
        for label, bars in groups:
            axes.text(
                0, top + line - 4, _short(label), va="bottom", color=_INK, fontsize=_TEXT, parse_math=False
            )
            top += line
            for bar in bars:
                length = max(1.0, bar.length / longest * (WIDTH - 86))
                axes.barh(top + thick / 2, length, height=thick - 2, color=bar.colour)
                axes.text(
                    length + 5, top + thick / 2, bar.told, va="center_baseline", color=_FAINT,
                    fontsize=_TEXT - 1, parse_math=False,
                )  # fmt: skip
                top += thick
            top += gap
        if not groups:
            axes.text(0, line - 4, "nothing to show", color=_FAINT, fontsize=_TEXT)
        return _svg(figure, name, title, told)


def _short(text: str, longest: int = 64) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _figure(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH), dpi=_POINTS_PER_INCH)
    figure.patch.set_visible(False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    return figure, axes


@contextmanager
def _drawing(name: str) -> Iterator[None]:
    """Settings of one chart: text stays text, and the same figures give the same file."""
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        yield


def _svg(figure: Figure, name: str, title: str, description: str) -> Markup:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    drawn = out.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    # Its style sheet would hold for the whole page.
    drawn = re.sub(r"<(metadata|style)\b.*?</\1>", "", drawn, flags=re.DOTALL)
    # Several charts stand in one page: no two of them may call anything by the same name.
    drawn = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', drawn)
    drawn = re.sub(r"url\(#", f"url(#{name}-", drawn)
    drawn = drawn.replace('xlink:href="#', f'xlink:href="#{name}-')
    for stand_in, colour in _COLOURS.items():
        drawn = drawn.replace(stand_in, colour)
    # The page's own font; without weights and families of matplotlib's.
    drawn = re.sub(r"font: (?:[\w ]*? )?([\d.]+px) [^;\"]+", r"font-size: \1", drawn)
    label = f'role="img" aria-labelledby="{name}-title {name}-description"'
    head, body = drawn.split(">", 1)
    view = re.search(r'viewBox="[^"]+"', head)
    told = (
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-description">{escape(description)}</desc>'
    )
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return Markup(f"<svg {spaces} {view[0] if view else ''} {label}>{told}{body}")  # noqa: S704 - matplotlib escapes what it is given, and so do we
