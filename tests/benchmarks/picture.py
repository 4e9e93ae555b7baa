"""The heartbeat of an event loop as an SVG that reads well on light and dark ground."""

from __future__ import annotations

import itertools
from typing import Any

WIDTH, LEFT, RIGHT, LANE, TOP = 860, 20, 20, 92, 62
BIN = 0.02  # seconds; a stroke for each of them in which the loop ran
LONG = 0.02  # seconds; from here on a gap is marked
TITLES = {"ours": "oci-httpx-signer", "oci-genai-auth": "oci-genai-auth"}

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note { fill: #59636e; font-size: 12px; }
  .beat { stroke: #1a7f37; stroke-width: 1.6; }
  .gap { fill: #cf222e; opacity: .22; }
  .gap-text { fill: #cf222e; font-weight: 600; }
  .mark { stroke: #59636e; stroke-dasharray: 3 3; }
  .base { stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .beat { stroke: #3fb950; }
    .gap { fill: #f85149; opacity: .3; }
    .gap-text { fill: #ff7b72; }
    .mark { stroke: #9198a1; }
    .base { stroke: #3d444d; }
  }
"""


def draw(traces: dict[str, dict[str, Any]], lifetime: float) -> str:
    """A lane for each library; a stroke wherever its loop ran."""
    first = lifetime * 0.55
    seconds = max(trace["refusals"] for trace in traces.values()) + 2.4 - first
    height = TOP + LANE * len(traces) + 26

    def x(moment: float) -> float:
        return LEFT + (moment - first) / seconds * (WIDTH - LEFT - RIGHT)

    refusals = max(trace["refusals"] for trace in traces.values())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="An event loop\'s heartbeat while a credential is refreshed and while two 401s meet">',
        f"<style>{STYLE}</style>",
        f'<text x="{LEFT}" y="20" class="title">One event loop, asked to beat every millisecond</text>',
        f'<text x="{x(lifetime * 0.69):.0f}" y="44" class="note">the credential is refreshed</text>',
        f'<text x="{x(refusals):.0f}" y="44" class="note">two 401s meet</text>',
    ]
    for number, (name, trace) in enumerate(traces.items()):
        top = TOP + number * LANE
        # Lanes are set side by side at the moment at which the two requests are refused.
        shift = refusals - trace["refusals"]
        end = first + seconds
        moved = [beat + shift for beat in trace["beats"]]
        beats = [beat for beat in moved if first <= beat <= end]
        base = top + 66
        parts.append(f'<text x="{LEFT}" y="{top + 16}" class="title">{TITLES.get(name, name)}</text>')
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}" class="base"/>')
        bins = sorted({int(beat / BIN) for beat in beats})
        strokes = "".join(f"M{x((one + 0.5) * BIN):.1f} {base}v-36" for one in bins)
        parts.append(f'<path d="{strokes}" class="beat"/>')
        gaps = [(a, b) for a, b in itertools.pairwise(moved) if b - a > LONG and b > first and a < end]
        if trace["stuck"]:
            gaps.append((beats[-1], end))
        for start, stop in gaps:
            label = "indefinitely" if stop == end and trace["stuck"] else f"{(stop - start) * 1000:.0f} ms"
            start, stop = max(start, first), min(stop, end)
            parts.append(
                f'<rect x="{x(start):.1f}" y="{base - 36}" width="{x(stop) - x(start):.1f}" height="36" class="gap"/>'
            )
            if stop - start > 0.1:
                middle = (x(start) + x(stop)) / 2
                parts.append(
                    f'<text x="{middle:.0f}" y="{base - 13}" text-anchor="middle" class="gap-text">{label}</text>'
                )
    bottom = TOP + LANE * len(traces)
    parts.append(f'<line x1="{x(refusals):.1f}" x2="{x(refusals):.1f}" y1="50" y2="{bottom - 20}" class="mark"/>')
    parts.append(
        f'<text x="{LEFT}" y="{bottom + 10}" class="note">Each stroke: the loop ran. Red: it stood still, and every other '
        "connection of the program with it.</text>"
    )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
