"""A plain Plotly canvas: thin axes, labels in words, large enough targets for a phone."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go

from rightbatch.records import Estimate
from rightbatch.report import words

_LINE = 18  # pixels from one line of labels above the plot to the next

Tell = Callable[[float], str]
"""Formats a number as a tick label."""
_FACTORS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (4, (1,)), (2.5, (1, 3)), (0.8, (1, 2, 5)), (-math.inf, (1, 1.5, 2, 3, 4, 5, 6, 8)),
)  # fmt: skip
"""Ticks of a logarithmic axis by the decades it spans, as multiples of powers of ten."""
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


class Canvas:
    """A figure under construction: add its elements, set its axes, then take the figure."""

    def __init__(self, x_title: str, y_title: str) -> None:
        """Start an empty figure with axis titles that name the units."""
        self._traces: list[Any] = []
        self._shapes: list[dict[str, Any]] = []
        self._labels: list[dict[str, Any]] = []
        self._marks: list[dict[str, Any]] = []
        self._heights: list[float] = []
        self._top: list[go.Scatter] = []
        self._floor = 0.0
        self._in_legend: set[str] = set()
        self._x: dict[str, Any] = {"title": {"text": x_title, "standoff": 10, "font": {"size": 13}}}
        self._y: dict[str, Any] = {}
        self._y_title = y_title

    def hide_in_legend(self, *names: str) -> None:
        """Leave names out of the legend that another figure explains."""
        self._in_legend.update(names)

    def points(
        self,
        x: Sequence[float],
        y: Sequence[float],
        name: str,
        color: str,
        hover: Sequence[str],
        symbol: str = "circle",
        size: int = 7,
    ) -> None:
        """Add points, each with its own hover text."""
        if not x:
            return
        self._heights += y
        self._add(
            x,
            y,
            name,
            hover,
            mode="markers",
            marker={
                "color": color,
                "symbol": symbol,
                "size": size,
                "line": {"width": 1.4, "color": color} if symbol.endswith("open") else {"width": 0},
            },
        )

    def line(
        self,
        x: Sequence[float],
        y: Sequence[float],
        name: str,
        color: str,
        hover: Sequence[str] = (),
        dash: str = "solid",
        markers: bool = False,
    ) -> None:
        """Add a line; dashed and dotted lines are thin and do not extend the axes."""
        thin = dash != "solid"
        if not thin:
            self._heights += y
        self._add(
            x,
            y,
            name,
            hover,
            mode="lines+markers" if markers else "lines",
            line={"color": color, "width": 1.4 if thin else 2.4, "dash": dash},
            marker={"size": 7, "color": color},
        )

    def band(
        self, x: Sequence[float], low: Sequence[float], high: Sequence[float], color: str, name: str
    ) -> None:
        """Shade the area between two curves."""
        self._heights += [*low, *high]
        self._add(
            [*x, *reversed(x)],
            [*high, *reversed(low)],
            name,
            (),
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=color,
        )

    def estimates(
        self, x: Sequence[float], found: Sequence[Estimate], name: str, color: str
    ) -> None:
        """Add estimates as rings, with their intervals as error bars."""
        y = [estimate.value for estimate in found]
        self._heights += [*y, *(e.low for e in found if e.low), *(e.high for e in found if e.high)]
        self._add(
            x,
            y,
            name,
            [words.estimate(estimate) for estimate in found],
            mode="markers",
            marker={"size": 9, "color": "var(--paper)", "line": {"width": 2.2, "color": color}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [0.0 if e.high is None else e.high - e.value for e in found],
                "arrayminus": [0.0 if e.low is None else e.value - e.low for e in found],
                "color": color,
                "thickness": 1.4,
                "width": 3,
            },
        )

    def emblem(self, x: float, y: float, name: str, color: str, symbol: str) -> None:
        """Add one large mark on the curve."""
        self._add(
            [x],
            [y],
            name,
            [f"{name}<br>batch size {words.count(x)}<br>{words.duration(y)}"],
            mode="markers",
            marker={
                "size": 18 if symbol == "star" else 14,
                "color": color,
                "symbol": symbol,
                "line": {"width": 1.6, "color": "var(--paper)"},
            },
        )

    def at_the_top(self, x: Sequence[float], name: str, color: str, hover: Sequence[str]) -> None:
        """Add crosses along the upper edge, for runs without a value."""
        if x:
            marker = {
                "symbol": "x-thin",
                "size": 8,
                "color": color,
                "line": {"width": 1.8, "color": color},
            }
            self._add(x, [0.0] * len(x), name, hover, mode="markers", marker=marker)
            self._top.append(self._traces[-1])

    def mark(self, x: float, text: str, color: str) -> None:
        """Draw a vertical line with its label above the plot, one label per line."""
        self._shapes.append(
            {
                "type": "line",
                "x0": x,
                "x1": x,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"color": color, "width": 1.6, "dash": "dash"},
                "layer": "below",
            }
        )
        self._marks.append(
            _label(x, 1, text, color, yref="paper", yshift=6 + _LINE * len(self._marks))
        )

    def level(self, y: float, text: str, color: str) -> None:
        """Draw a horizontal line with its label above it."""
        self._heights.append(1.06 * y)
        self._shapes.append(
            {
                "type": "line",
                "x0": 0,
                "x1": 1,
                "xref": "paper",
                "y0": y,
                "y1": y,
                "line": {"color": color, "width": 1.8, "dash": "dash"},
            }
        )
        self._labels.append(_label(0.01, y, text, color, xref="paper", yshift=3))

    def shade(self, low: float, high: float, color: str, name: str) -> None:
        """Shade a range of batch sizes over the full height."""
        self._shapes.append(
            {
                "type": "rect",
                "x0": low,
                "x1": high,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "fillcolor": color,
                "line": {"width": 0},
                "layer": "below",
                "name": name,
                "showlegend": name not in self._in_legend,
            }
        )
        self._in_legend.add(name)

    def remark(self, text: str) -> None:
        """Write a remark in the lower left of the plot."""
        self._labels.append(
            _label(0, 0, text, "var(--muted)", xref="paper", yref="paper", yshift=8, xshift=8)
        )

    def ignore_below(self, floor: float) -> None:
        """Do not extend the vertical axis below `floor`."""
        self._floor = floor

    def log_axes(self, sizes: Sequence[float], tell: Tell) -> None:
        """Make both axes logarithmic, with ticks at the batch sizes considered."""
        self.log_x(sizes)
        self.log_y(tell)

    def log_x(self, sizes: Sequence[float]) -> None:
        """Make the horizontal axis logarithmic, with ticks at the batch sizes."""
        whole = sorted(set(sizes)) or [1.0]
        for mark in self._marks:  # annotations on a logarithmic axis stand at the logarithm
            mark["x"] = math.log10(mark["x"])
        self._x |= {
            "type": "log",
            "range": [math.log10(whole[0] / 1.35), math.log10(whole[-1] * 1.35)],
            "tickvals": (ticks := _apart(whole, 1.55)),
            "ticktext": [words.count(tick) for tick in ticks],
        }

    def linear_x(self, far: float) -> None:
        """Make the horizontal axis linear from 0 to slightly beyond `far`."""
        far = far or 1.0
        ticks = nice_ticks(0, far, 6)
        self._x |= {
            "range": [-0.03 * far, 1.06 * far],
            "tickvals": ticks,
            "ticktext": [words.count(tick) for tick in ticks],
        }

    def log_y(self, tell: Tell) -> None:
        """Make the vertical axis logarithmic, with tick labels in words."""
        heights = [height for height in self._heights if height > self._floor] or [1.0]
        low, high = min(heights) / 1.25, max(heights) * 1.25
        for trace in self._top:
            trace.y = [high / (high / low) ** 0.02] * len(trace.x)
        ticks = _log_ticks(low, high)
        self._y = {
            "type": "log",
            "range": [math.log10(low), math.log10(high)],
            "tickvals": ticks,
            "ticktext": [tell(tick) for tick in ticks],
        }

    def linear_y(self, tell: Tell, binary: bool = False) -> None:
        """Make the vertical axis linear from 0, with tick labels in words.

        Args:
            tell: Formats a tick label.
            binary: Whether ticks are round in powers of 1,024.
        """
        high = 1.06 * max(self._heights, default=1.0)
        unit = 1024.0 ** math.floor(math.log(max(high, 1.0), 1024)) if binary else 1.0
        ticks = [unit * tick for tick in nice_ticks(0, high / unit, 5)]
        self._y = {
            "range": [0, high],
            "tickvals": ticks,
            "ticktext": ["0" if tick == 0 else tell(tick) for tick in ticks],
        }

    def figure(self) -> go.Figure:
        """The finished figure."""
        head = _LINE * len(self._marks)
        middle = sum(self._x.get("range", (0, 1))) / 2
        for mark in self._marks:  # labels grow towards the middle, where there is room
            mark["xanchor"] = "right" if mark["x"] > middle else "left"
        axis = {
            "gridcolor": "var(--grid)",
            "linecolor": "var(--line)",
            "zeroline": False,
            "ticks": "",
            "tickangle": 0,
            "automargin": True,
            "fixedrange": True,
        }
        return go.Figure(
            self._traces,
            {
                "template": "none",
                "autosize": True,
                "font": {"family": _FONT, "size": 13, "color": "var(--ink)"},
                "paper_bgcolor": "rgba(0,0,0,0)",
                "plot_bgcolor": "rgba(0,0,0,0)",
                "margin": {"l": 8, "r": 12, "t": 36 + head, "b": 8},
                "hovermode": "closest",
                "dragmode": False,
                "hoverlabel": {
                    "bgcolor": "var(--card)",
                    "bordercolor": "var(--line)",
                    "font": {"family": _FONT, "size": 13, "color": "var(--ink)"},
                },
                "legend": {"orientation": "h", "x": 0, "y": -0.19, "yanchor": "top"},
                "xaxis": {**axis, "showgrid": False, "showline": True, **self._x},
                "yaxis": {**axis, **self._y},
                "shapes": self._shapes,
                "annotations": [
                    _label(
                        0,
                        1,
                        self._y_title,
                        "var(--muted)",
                        xref="paper",
                        yref="paper",
                        yshift=10 + head,
                    ),
                    *self._labels,
                    *self._marks,
                ],
            },
        )

    def _add(
        self,
        x: Sequence[float],
        y: Sequence[float],
        name: str,
        hover: Sequence[str],
        **style: object,
    ) -> None:
        """Add a trace, with a legend entry at the first use of its name."""
        style["showlegend"] = bool(name) and name not in self._in_legend
        self._in_legend.add(name)
        if hover:
            style |= {"text": list(hover), "hovertemplate": "%{text}<extra></extra>"}
        else:
            style["hoverinfo"] = "skip"
        self._traces.append(go.Scatter(x=list(x), y=list(y), name=name, cliponaxis=False, **style))


def _label(x: float, y: float, text: str, color: str, **place: object) -> dict[str, Any]:
    return {
        "x": x,
        "y": y,
        "text": text,
        "showarrow": False,
        "font": {"color": color, "size": 13},
        "xanchor": "left",
        "yanchor": "bottom",
        **place,
    }


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` + 1 round numbers from `low` to `high`."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= 0.999 * rough)
    places = range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)
    return [step * place for place in places]


def _apart(sizes: Sequence[float], ratio: float) -> list[float]:
    """Batch sizes that are at least `ratio` apart, always including the last one."""
    kept: list[float] = []
    for size in sizes:
        if not kept or size / kept[-1] >= ratio:
            kept.append(size)
    if kept[-1] != sizes[-1]:
        kept[-1:] = [sizes[-1]]
    return kept


def _log_ticks(low: float, high: float) -> list[float]:
    """Ticks at round multiples of powers of ten; fewer for a longer range."""
    factors = next(each for least, each in _FACTORS if math.log10(high / low) >= least)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]
