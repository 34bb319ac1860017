"""Two tables compared, in nats: which columns differ, by how much, and whether there are rows enough to tell.

    table ─engine─▶ counts in cells ─▶ p-values, divergences ─▶ verdicts ─▶ report

The engine that holds a table counts; everything after that sees about a hundred counts a column.
"""

from kljax.tables._compare import compare
from kljax.tables._findings import Cells, Column, Comparison, Interval, Joint, Pair, Summary, Timeline
from kljax.tables._profile import Profile
from kljax.tables._profiling import profile, profile_like
from kljax.tables._timeline import timeline

__all__ = [
    "Cells",
    "Column",
    "Comparison",
    "Interval",
    "Joint",
    "Pair",
    "Profile",
    "Summary",
    "Timeline",
    "compare",
    "profile",
    "profile_like",
    "timeline",
]
