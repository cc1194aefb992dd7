"""Hugging Face Transformers: what its Trainer saves, as commits of a run (extra ``transformers``).

The model's weights keep their names, so that `embzarr.interop.torch.load` fills a model with them;
optimizer, scheduler, random states and the trainer's own lie beside them, as tensors and JSON: no
pickle. `restore` makes of a commit the folder that ``resume_from_checkpoint`` takes, and
``from_pretrained``, since the model's configuration is there, too.
"""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from embzarr.errors import DamagedError, InvalidInputError, UnsupportedError
from embzarr.interop._door import needs
from embzarr.interop._frameworks.torch_models import TRAINER, load_beside, parts_of
from embzarr.interop._models import storing
from embzarr.interop._models.saves import Saves

with needs("transformers and accelerate", extra="transformers"):
    import torch
    import transformers
    from safetensors.torch import save_file

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import Where

__all__ = ["SaveCallback", "restore"]

_WEIGHTS = "model.safetensors"
_STATE = "trainer_state.json"
_CONFIGS = {"config.json": "config", "generation_config.json": "generation_config"}
"""Files of a folder that `from_pretrained` takes, and what of a model they are."""


class SaveCallback(transformers.TrainerCallback):  # type: ignore[misc]  # an extra
    """Saves to a run, in the background, whenever a Trainer would save a folder, and in its place.

    ``Trainer(..., callbacks=[SaveCallback("s3://bucket/run")])``; ``save_strategy`` and
    ``save_steps`` say when. The state is copied then, and sent while training goes on; the end of
    training waits for it. The step is the trainer's. For one process.

    Example:
        >>> import torch
        >>> from embzarr.interop.transformers import SaveCallback
        >>> callbacks = [SaveCallback(folder)]  # for a Trainer
    """

    def __init__(
        self,
        to: object,
        *,
        changed_only: bool = False,
        metadata: Mapping[str, Any] | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Save to a run.

        Args:
            to: an `embzarr.Run`, or where one is.
            changed_only: write the tensors that differ from those of the save before.
            metadata: any JSON.
            storage_options: credentials and endpoint, of a place.
        """
        super().__init__()
        self._saves = Saves(to, storage_options)
        self._metadata = metadata
        self._how: dict[str, Any] = {"changed": {}} if changed_only else {}
        self._is_due = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401
        """Refuse what cannot be saved so.

        Raises:
            UnsupportedError: several processes, or a best model, which is loaded from a folder.
        """
        del state, control
        if args.world_size > 1:
            message = "SaveCallback: several processes: save by embzarr.interop.torch_distributed"
            raise UnsupportedError("model-foreign", message)
        if args.load_best_model_at_end:
            raise InvalidInputError(
                "input-argument", "load_best_model_at_end: expected False: no folders are saved"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **held: Any) -> None:  # noqa: ANN401
        """Save in place of the Trainer, if it is about to; after an evaluation, if there is one."""
        del args
        self._take_over(state, control, held)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **held: Any) -> None:  # noqa: ANN401
        """Save as `on_step_end` does."""
        del args
        self._take_over(state, control, held)

    def on_evaluate(self, args: Any, state: Any, control: Any, **held: Any) -> None:  # noqa: ANN401
        """Save what was to be saved after the evaluation."""
        del args, control
        if self._is_due:
            self._save(state, held)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401
        """Wait until all is saved.

        Raises:
            EmbzarrError: what the last save ended with.
        """
        del args, state, control
        self._saves.close()

    def _take_over(self, state: Any, control: Any, held: Mapping[str, Any]) -> None:  # noqa: ANN401
        if not control.should_save:
            return
        control.should_save, self._is_due = False, True
        if not control.should_evaluate:
            self._save(state, held)

    def _save(self, state: Any, held: Mapping[str, Any]) -> None:  # noqa: ANN401
        self._is_due = False
        scheduler = held.get("lr_scheduler")
        told = {
            "trainer": json.loads(json.dumps(dataclasses.asdict(state))),
            "optimizer": held["optimizer"].state_dict(),
            "scheduler": None if scheduler is None else scheduler.state_dict(),
            "random": _random_states(),
        }
        parts = parts_of(held["model"], {TRAINER: told})
        parts = dataclasses.replace(parts, files=_configs_of(held["model"]))
        how: Any = {"step": state.global_step, "metadata": self._metadata, **self._how}
        storing.save_later(self._saves.run, parts, how=how)


def restore(source: Source, folder: str | os.PathLike[str], **where: Unpack[Where]) -> Path:
    """Make of a commit the folder that `Trainer.train(resume_from_checkpoint=folder)` takes.

    So does ``from_pretrained(folder)`` of the model's class; a tokenizer is no part of it.

    Args:
        source: an open checkpoint, or the place of a run.
        folder: where to; it is made, and files of the same names are replaced.
        **where: ``step``, ``tag``, ``commit``, ``storage_options``, as `embzarr.open` takes them.

    Raises:
        NotFoundError: code ``model-missing``: the checkpoint holds no state of a Trainer.
        DamagedError: code ``model-invalid``: it has another form.

    Example:
        >>> from embzarr.interop.transformers import restore
        >>> try:
        ...     restore(checkpoint, folder)  # of words and vectors alone
        ... except embzarr.NotFoundError as exc:
        ...     exc.code
        'model-missing'
    """
    checkpoint, tensors, held = load_beside(source, TRAINER, where)
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    # Those that share memory are written twice: the file knows no second names.
    save_file({name: one.clone().contiguous() for name, one in tensors.items()}, path / _WEIGHTS)
    try:
        states = {"rng_state.pth": _as_set(held["random"]), "optimizer.pt": held["optimizer"]}
        if held["scheduler"] is not None:
            states["scheduler.pt"] = held["scheduler"]
        told = json.dumps(held["trainer"], indent=2, sort_keys=True)
    except (KeyError, TypeError, ValueError) as exc:
        message = f"{checkpoint.url}: the state of a Trainer has another form: {exc!r}"
        raise DamagedError("model-invalid", message) from exc
    for name, state in states.items():  # pickles that are made here, of tensors and JSON
        torch.save(state, path / name)
    (path / _STATE).write_text(told + "\n", encoding="utf-8")
    for name in _CONFIGS.keys() & checkpoint.files.keys():
        (path / name).write_bytes(checkpoint.files[name].read())
    return path


def _configs_of(model: Any) -> dict[str, bytes]:  # noqa: ANN401 - torch is an extra
    """Return a model's configurations as `save_pretrained` writes them, where it has any."""
    found: dict[str, Any] = {
        name: getattr(model, member, None) for name, member in _CONFIGS.items()
    }
    told = {
        name: one.to_json_string() for name, one in found.items() if hasattr(one, "to_json_string")
    }
    if "config.json" in told:  # by which a pipeline finds the class
        config = {**json.loads(told["config.json"]), "architectures": [type(model).__name__]}
        told["config.json"] = json.dumps(config, indent=2, sort_keys=True) + "\n"
    return {name: text.encode() for name, text in told.items()}


def _random_states() -> dict[str, Any]:
    """Return the states of all random numbers that a Trainer keeps."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - what the Trainer draws from
    states = {
        "python": random.getstate(),
        "numpy": [kind, np.asarray(keys).tolist(), *rest],
        "cpu": torch.random.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.random.get_rng_state()
    return states


def _as_set(states: Mapping[str, Any]) -> dict[str, Any]:
    """Return random states as their libraries set them."""
    kind, keys, *rest = states["numpy"]
    return {**states, "numpy": (kind, np.array(keys, np.uint32), *rest)}
