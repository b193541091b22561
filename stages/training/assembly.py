"""A base model with a task's head on it: built fresh for training, written as an out, and read back.

`models/finetuned` holds the encoder in the hub's own layout (`config.json`, `model.safetensors`, tokenizer files), so that
any transformers program can load it, and beside it `head.safetensors` and `whetstone.json` (task, labels, pooling,
lengths). Adapters that cannot be merged lie in `adapter.safetensors` and are put in again when the model is read (see
docs/decisions/0007-adapters-that-stay.md); of merged ones that file keeps what was learned. Everything is written by hand
where the library's own writer would add a version, a path or a date.
"""

from __future__ import annotations

import inspect
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModel
from transformers.utils import logging as chatter

from stages import tasks
from stages.adaptation import METHODS
from stages.adaptation.protocol import is_inserted
from stages.artifacts import Encoding, Schema, read_json, write_json
from stages.encoding import base_model, tokenizer
from stages.errors import ModelError
from stages.params.adaptation import AdaptationParams
from stages.params.model import ModelParams
from stages.params.task import TaskParams
from stages.tasks.protocol import Fitted, Task
from stages.training.precision import attention

HEAD = "head.safetensors"
ADAPTER = "adapter.safetensors"
FACTS = "whetstone.json"
VOLATILE = ("_name_or_path", "transformers_version", "_attn_implementation", "dtype", "torch_dtype")
"""Keys of a config that say where or with what it was written, not what the model is."""
LISTED = 3
"""Names of tensors that a message lists."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Facts:
    """`whetstone.json`: what the weights alone do not say.

    Attributes:
        schema: of the corpus the model was tuned on.
        encoding: how its texts were tokenized.
        pooling: how states become one vector.
        model: the `model` section.
        adaptation: the `adaptation` section.
        task: the `task` section.
        fitted: what the task chose on validation.
    """

    schema: Schema
    encoding: Encoding
    pooling: str
    model: dict[str, Any]
    adaptation: dict[str, Any]
    task: dict[str, Any]
    fitted: Fitted = field(default_factory=dict)

    @property
    def method(self) -> str:
        """How it was adapted."""
        return str(self.adaptation["method"])


def load_encoder(folder: Path, params: ModelParams, where: torch.device) -> nn.Module:
    """Load an encoder in float32, with the dropout and attention that params ask for.

    Raises:
        ModelError: transformers cannot load it, it is no encoder, or its file lacks weights.
    """
    # Its table of weights without a place names the pooler, which is left out on purpose; `_complete` says what is lacking.
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if params.dropout is not None:
            _set_dropout(config, params.dropout)
        encoder, loaded = AutoModel.from_pretrained(
            folder,
            config=config,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # `_complete` names them
            dtype=torch.float32,
            attn_implementation=attention(params.attention, where),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            **without_pooler(config),
        )
    except SafetensorError as error:
        raise ModelError(
            f"model.base: {params.base} has a weights file that is damaged, or a git-lfs pointer ({error}). "
            "Fetch it again, or run `git lfs pull` there."
        ) from None
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ModelError(
            f"model.base: {params.base} cannot be loaded: {error}. Choose an encoder that transformers knows."
        ) from None
    if getattr(encoder.config, "is_encoder_decoder", False) or not hasattr(encoder.config, "hidden_size"):
        raise ModelError(
            f"model.base: {params.base} is no encoder ({type(encoder).__name__}). Choose a BERT-type model."
        )
    _complete(params.base, encoder, loaded)
    return encoder


def _complete(base: str, encoder: nn.Module, loaded: Mapping[str, Any]) -> None:
    """Check that each weight came from the file: the library fills up what is lacking with random numbers.

    Raises:
        ModelError: some did not; poolers, which nothing here reads, aside.
    """
    for name, found, expected in sorted(loaded["mismatched_keys"]):
        raise ModelError(
            f"model.base: {name} of {base} has shape {list(found)}, and its config.json asks for {list(expected)}. "
            "Take weights and config.json from the same model."
        )
    lacking = sorted(name for name in loaded["missing_keys"] if "pooler" not in name)
    if not lacking:
        return
    total, others = len(encoder.state_dict()), sorted(loaded["unexpected_keys"])
    named = f"{', '.join(lacking[:LISTED])}{', ...' if len(lacking) > LISTED else ''}"
    instead = f" It holds {', '.join(others[:LISTED])} ... instead." if others else ""
    raise ModelError(
        f"model.base: the weights of {base} lack {len(lacking)} of {total} tensors that its config.json asks for ({named}), "
        f"which would begin at random.{instead} Save the encoder itself with `save_pretrained(folder)`, or choose another."
    )


def build(params: ModelParams, task: Task, schema: Schema, where: torch.device) -> tuple[nn.Module, str]:
    """A base model with a task's fresh head.

    Returns:
        The model (on the CPU, in float32) and its pooling.
    """
    folder = base_model.locate(params)
    pooling = params.pooling if params.pooling != "auto" else base_model.pooling_of(folder) or "mean"
    encoder = load_encoder(folder, params, where)
    return task.model(encoder, pooling, schema, params), pooling


def save(
    model: nn.Module, facts: Facts, base: Path, folder: Path, adapter: Mapping[str, torch.Tensor] | None = None
) -> None:
    """Write a tuned model; the folder appears only when it is complete.

    Args:
        model: with attributes `encoder` and `head`, merged where that exists.
        facts: what goes into `whetstone.json`.
        base: folder of the base model, for its tokenizer.
        folder: where to.
        adapter: the few tensors that were learned, for a file of their own; None or empty for none.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    encoder: Any = model.encoder
    own = {name: value for name, value in _tensors(encoder).items() if not is_inserted(name)}
    save_file(own, partial / base_model.WEIGHTS, metadata={"format": "pt"})
    if adapter:
        _write_adapter(partial / ADAPTER, adapter, facts)
    save_file(_tensors(model.head), partial / HEAD, metadata={"format": "pt"})  # type: ignore[arg-type]
    config = {key: value for key, value in encoder.config.to_dict().items() if key not in VOLATILE}
    config["architectures"] = [type(encoder).__name__]
    write_json(partial / "config.json", config)
    tokenizer.load(base).save(str(partial / tokenizer.FILE))
    for name in tokenizer.COMPANIONS:
        if (base / name).is_file():
            shutil.copyfile(base / name, partial / name)
    write_json(partial / FACTS, asdict(facts))
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def load(folder: Path, where: torch.device) -> tuple[nn.Module, Facts]:
    """Read back what `save` wrote, in evaluation mode, in float32.

    Raises:
        ModelError: files are missing or do not fit each other.
    """
    raw = read_json(folder / FACTS)
    facts = Facts(
        schema=Schema(**raw["schema"]),
        encoding=Encoding(**raw["encoding"]),
        pooling=raw["pooling"],
        model=raw["model"],
        adaptation=raw["adaptation"],
        task=raw["task"],
        fitted=raw["fitted"],
    )
    params = ModelParams.model_validate({**facts.model, "base": str(folder.resolve()), "revision": None})
    encoder = load_encoder(folder, params, where)
    method = METHODS[facts.method](AdaptationParams.model_validate(facts.adaptation))
    if not method.merges:
        try:
            method.rebuild(encoder, load_file(folder / ADAPTER))
        except (OSError, RuntimeError, KeyError) as error:
            raise ModelError(f"{folder / ADAPTER}: does not fit {FACTS} ({error}). Run `dvc repro finetune`.") from None
    task = tasks.make(TaskParams.model_validate(facts.task))
    model = task.model(encoder, facts.pooling, facts.schema, params)
    head: Any = model.head
    try:
        head.load_state_dict(load_file(folder / HEAD))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{folder / HEAD}: does not fit {FACTS} ({error}). Run `dvc repro finetune`.") from None
    return model.to(where).eval(), facts


def _write_adapter(file: Path, adapter: Mapping[str, torch.Tensor], facts: Facts) -> None:
    """Write the small file, with its settings in its head: one key, since the order of several would be by chance."""
    method = METHODS[facts.method]
    told = {"method": facts.method, "merged": method.merges, "adaptation": facts.adaptation}
    tensors = {name: value.detach().cpu().contiguous() for name, value in sorted(adapter.items())}
    save_file(tensors, file, metadata={"whetstone": json.dumps(told, sort_keys=True)})


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in sorted(module.state_dict().items())}


def _set_dropout(config: Any, value: float) -> None:
    """Set whatever an architecture calls its dropout rates (`hidden_dropout_prob`, `attention_dropout`, ...)."""
    for key, current in config.to_dict().items():
        if "dropout" in key and isinstance(current, int | float) and not isinstance(current, bool):
            setattr(config, key, value)


def without_pooler(config: Any) -> dict[str, bool]:
    """The switch that builds an architecture without its pooler, which pooled states do not use; empty if it has none."""
    try:
        kind = AutoModel._model_mapping[type(config)]
    except KeyError:
        return {}
    return {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(kind.__init__).parameters else {}
