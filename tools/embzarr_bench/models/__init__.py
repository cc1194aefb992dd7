"""Models beside other ways to keep them: a state dict saved, loaded, and read in part."""

from embzarr_bench.models._cases import ModelCase
from embzarr_bench.models._compare import Plan, compare

__all__ = ["ModelCase", "Plan", "compare"]
