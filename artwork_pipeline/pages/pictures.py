"""The pictures of a migration: where it stands among its phases, and how often both sides differed.

Drawn by matplotlib without any backend for screens, as PNG: the UI shows those inside Markdown.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from artwork_pipeline.artworks.phases import LED_BY, Phase

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACES: Mapping[Phase, tuple[float, float]] = MappingProxyType(
    {
        Phase.PLANNED: (0.0, 0.0),
        Phase.EXPANDED: (1.0, 0.0),
        Phase.SWITCHED: (2.0, 0.0),
        Phase.CLEANED: (3.0, 0.0),
        Phase.ROLLED_BACK: (2.0, -1.0),
    }
)
"""Where each phase stands in the picture: the way forward in a line, the way back below it."""

_BENDS: Mapping[frozenset[Phase], float] = MappingProxyType(
    {
        frozenset({Phase.PLANNED, Phase.EXPANDED}): 0.3,
        frozenset({Phase.SWITCHED, Phase.ROLLED_BACK}): 0.5,
        frozenset({Phase.PLANNED, Phase.ROLLED_BACK}): -0.12,
    }
)
INK, PAPER, HERE, PALE = "#1f2937", "#ffffff", "#2563eb", "#e5e7eb"
DIFFERING = "#b91c1c"
INCH_DOTS = 110


def phases(current: Phase) -> bytes:
    """The phases and what leads from one to another, the current one filled in; a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), dpi=INCH_DOTS, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-0.45, 3.45)
    axes.set_ylim(-1.35, 0.5)
    axes.axis("off")
    for before, after in LED_BY:
        _arrow(axes, before, after)
    for phase, (x, y) in PLACES.items():
        here = phase is current
        axes.text(
            x,
            y,
            phase.replace("_", " "),
            ha="center",
            va="center",
            fontsize=12,
            fontweight="bold" if here else "normal",
            color=PAPER if here else INK,
            bbox={"boxstyle": "round,pad=0.6", "facecolor": HERE if here else PALE, "edgecolor": INK},
            zorder=3,
        )
    return _png(figure)


def trend(rates: Sequence[float], labels: Sequence[str]) -> bytes:
    """How often both sides differed (from 0 to 1), the oldest first, under what is said of each; a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.2), dpi=INCH_DOTS, facecolor=PAPER, layout="constrained")
    axes = figure.add_subplot()
    percent = [rate * 100 for rate in rates]
    axes.bar(range(len(percent)), percent, color=DIFFERING, width=0.7)
    axes.plot(range(len(percent)), [0] * len(percent), ".", color=INK)
    axes.set_ylim(0, max(1.0, *percent) * 1.1 if percent else 1.0)
    axes.set_ylabel("reads that differ, %")
    shown = range(0, len(labels), max(1, len(labels) // 6))
    axes.set_xticks([*shown], [labels[place] for place in shown], fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def in_markdown(picture: bytes, said: str) -> str:
    """The PNG as Markdown, with what it shows for those who do not see it."""
    return f"![{said}](data:image/png;base64,{base64.b64encode(picture).decode()})"


def _arrow(axes: "Axes", before: Phase, after: Phase) -> None:
    (x, y), (to_x, to_y) = PLACES[before], PLACES[after]
    bend = _BENDS.get(frozenset({before, after}), 0.0)
    axes.annotate(
        "",
        xy=(to_x, to_y),
        xytext=(x, y),
        arrowprops={
            "arrowstyle": "-|>",
            "color": INK,
            "connectionstyle": f"arc3,rad={bend}",
            "shrinkA": 30,
            "shrinkB": 30,
        },
        zorder=2,
    )
    along_x, along_y = to_x - x, to_y - y
    # Beside the middle of the bow, on the side to which it bends.
    axes.text(
        (x + to_x) / 2 + bend * along_y * 0.75,
        (y + to_y) / 2 - bend * along_x * 0.75,
        LED_BY[before, after],
        ha="center",
        va="center",
        fontsize=8,
        color=INK,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0},
        zorder=4,
    )


def _png(figure: "Figure") -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
