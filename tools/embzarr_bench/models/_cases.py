"""The work on a model that is measured."""

from __future__ import annotations

from embzarr_bench._cases import Work


class ModelCase(Work):
    """A piece of work on a model."""

    SAVE = "save"
    """The whole state dict, from memory."""
    LOAD = "load"
    """All of it, from the address."""
    SAVE_STEP = "save-step"
    """It again, after one layer of 24 changed."""
    LOAD_STEP = "load-step"
    """All of it, as of such a step."""
    TENSOR = "tensor"
    """One tensor of 4 MB out of it."""
    MANY = "many"
    """A thousand tensors of 1 KB, of a model that has no others."""
    ONE = "one"
    """The tensor of 1 MB of a model that has no others."""

    @property
    def saves(self) -> bool:
        """Whether it writes."""
        return self in {ModelCase.SAVE, ModelCase.SAVE_STEP}
