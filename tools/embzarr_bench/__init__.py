"""Benchmarks of embzarr beside its peers, on a server that they start themselves."""

from embzarr_bench._cases import Case, Sizes
from embzarr_bench._compare import Plan, compare
from embzarr_bench._errors import BenchError, WrongResultError
from embzarr_bench._figures import Comparison, Figure, Measurement
from embzarr_bench._paper import Paper, Scene, Work, paper_plan
from embzarr_bench._plot import check as check_plot
from embzarr_bench._plot import draw
from embzarr_bench._scale import Growth, Point, scale
from embzarr_bench.peers import OURS, RAW

__all__ = [
    "OURS",
    "RAW",
    "BenchError",
    "Case",
    "Comparison",
    "Figure",
    "Growth",
    "Measurement",
    "Paper",
    "Plan",
    "Point",
    "Scene",
    "Sizes",
    "Work",
    "WrongResultError",
    "check_plot",
    "compare",
    "draw",
    "paper_plan",
    "scale",
]
