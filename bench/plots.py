"""Draws the pictures of the pages. Run by the baselines' own interpreter, never imported.

    python bench/plots.py KIND < figures.json > picture.svg

KIND is `dots`, `lines` or `examples`; what each reads is said by its function. The same figures give the same bytes.
"""

import json
import sys
import warnings
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]

mpl.use("svg")
import matplotlib.pyplot as plt  # type: ignore[import-not-found,unused-ignore]

INK, QUIET, OWN = "#2b2b2b", "#9a9a9a", "#0b6e4f"
SHADES = ("#0b6e4f", "#c2571a", "#3b5ba5", "#8a6d1d", "#7a3e8e", "#4a4a4a", "#a0a0a0")
MARKS = ("o", "s", "D", "^", "v", "P", "X")


def dots(figures: dict[str, Any]) -> Any:
    """`rows`: name -> {column: value between 0 and 1}; one line per row, one mark per column; `goal`: a line."""
    rows: dict[str, dict[str, float]] = figures["rows"]
    figure, axes = plt.subplots(figsize=(7, 0.32 * len(rows) + 0.9))
    for number, column in enumerate(next(iter(rows.values()))):
        values = [row[column] for row in rows.values()]
        axes.plot(values, range(len(rows)), MARKS[number], color=SHADES[number], markersize=5, label=column)
    axes.axvline(figures["goal"], color=QUIET, linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", linewidth=0.3)
    axes.legend(frameon=False, ncols=len(SHADES), loc="upper left", bbox_to_anchor=(0, 1.0), borderaxespad=-1.6)
    return figure


def lines(figures: dict[str, Any]) -> Any:
    """`panels`: title -> {name: [values]} over `x`; `x_label`, `y_label`; `guides`: title -> levels to reach."""
    panels: dict[str, dict[str, list[float]]] = figures["panels"]
    figure, all_axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3), squeeze=False)
    for axes, (title, rows) in zip(all_axes[0], panels.items(), strict=True):
        for number, (name, values) in enumerate(rows.items()):
            axes.plot(figures["x"], values, marker=MARKS[number], markersize=4, color=SHADES[number], label=name)
        for level in figures.get("guides", {}).get(title, []):
            axes.axhline(level, color=QUIET, linewidth=0.8, linestyle="--")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(figures["x_label"])
        axes.set_xticks(figures["x"])
        axes.set_ylim(bottom=0)
    all_axes[0][0].set_ylabel(figures["y_label"])
    all_axes[0][-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def examples(figures: dict[str, Any]) -> Any:
    """`panels`: of each `title`, daily `values`, `shaded` [first, last] day numbers of events, `told` day numbers."""
    panels: list[dict[str, Any]] = figures["panels"]
    figure, all_axes = plt.subplots(-(-len(panels) // 2), 2, figsize=(8, 1.35 * -(-len(panels) // 2)), squeeze=False)
    for axes in all_axes.flat[len(panels) :]:
        axes.axis("off")
    for axes, panel in zip(all_axes.flat, panels, strict=False):
        values = panel["values"]
        axes.plot(values, color=INK, linewidth=0.8)
        for first, last in panel["shaded"]:
            axes.axvspan(first - 0.5, last + 0.5, color="#f3c98b", linewidth=0)
        axes.plot(panel["told"], [values[day] for day in panel["told"]], "v", color=OWN, markersize=5)
        axes.set_title(panel["title"], fontsize=8, loc="left")
        axes.tick_params(labelsize=7)
    return figure


def main(kind: str) -> None:
    """Reads the figures and prints the picture."""
    warnings.simplefilter("ignore")
    plt.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "farthing", "font.family": "sans-serif", "font.size": 8}
        | {"axes.spines.top": False, "axes.spines.right": False, "legend.fontsize": 8}
        | {"figure.constrained_layout.use": True}
    )
    figure = {"dots": dots, "lines": lines, "examples": examples}[kind](json.load(sys.stdin))
    figure.savefig(sys.stdout.buffer, format="svg", bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1])
