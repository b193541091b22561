"""The tuned model as an ONNX graph: a batch's arrays in, outputs out, records and tokens free axes.

`torch.onnx.export` with dynamo traces the model once. What it notes beside the graph (stack traces with this machine's paths,
names of Python objects) is removed, so that the bytes are the same in every process and folder.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from stages.errors import ModelError

FILE = "model.onnx"
LARGEST = 2**31 - 2**25
"""Bytes of weights: a message of protocol buffers ends at 2 GiB (protobuf.dev, "Proto Limits"), and the nodes want some."""
LENGTH = 8
"""Tokens of the example that the model is traced with."""


def export(model: nn.Module, batch: Mapping[str, np.ndarray], file: Path, opset: int) -> None:
    """Write the graph.

    Args:
        model: called with a batch by name; one tensor of outputs, float32.
        batch: a collated one; its names and shapes say what the graph takes. Axes as long as `input_ids` are of tokens.
        file: where to.
        opset: version of ONNX's operators.

    Raises:
        ModelError: the weights are more than one file of a graph can hold.
    """
    size = sum(one.numel() * one.element_size() for one in model.state_dict().values())
    if size >= LARGEST:
        raise ModelError(
            f"export.onnx: weights of {size / 2**30:.1f} GiB do not fit into one graph, whose format ends at 2 GiB. "
            "Set export.onnx: false, or tune a smaller model (training.keep: ensemble holds several)."
        )
    model = model.to("cpu").eval()
    records, length = torch.export.Dim("batch"), torch.export.Dim("length")
    example, shapes = {}, {}
    for name, values in batch.items():
        if name == "labels":
            continue
        by_token = values.shape[1:2] == batch["input_ids"].shape[1:]
        sizes = (2, LENGTH) if by_token else (2, *values.shape[1:])
        example[name] = torch.ones(sizes, dtype=torch.long)
        shapes[name] = {0: records, **({1: length} if by_token else {})}
    chatty = logging.getLogger("onnxscript")
    level = chatty.level
    chatty.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), torch.no_grad():
            # The exporter warns of its own internals (deprecated pytree calls); nothing a user could act on.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                kwargs=example,
                dynamo=True,
                opset_version=opset,
                input_names=list(example),
                output_names=["logits"],
                dynamic_shapes=shapes,
                verbose=False,
            )
    finally:
        chatty.setLevel(level)
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    graph = program.model_proto
    _forget_origins(graph)
    if _grows(model, example):
        _free_length(graph)
    onnx.checker.check_model(graph)
    file.write_bytes(graph.SerializeToString(deterministic=True))


def _grows(model: nn.Module, example: Mapping[str, torch.Tensor]) -> bool:
    """Whether the outputs have an axis of tokens: it is longer for a longer example."""
    longer = {
        name: torch.cat([one, one[:, -1:]], dim=1) if one.shape[1:] == (LENGTH,) else one
        for name, one in example.items()
    }
    with torch.no_grad():
        return bool(model(**example).shape[1:2] != model(**longer).shape[1:2])


def _free_length(graph: onnx.ModelProto) -> None:
    """Take back what the exporter notes of lengths behind an LSTM: the example's own, though the nodes take any."""
    del graph.graph.value_info[:]
    for output in graph.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = "length"


def _forget_origins(graph: onnx.ModelProto) -> None:
    """Remove whatever says where and by what the graph was made."""
    graph.producer_name, graph.producer_version, graph.doc_string = "whetstone", "", ""
    for part in (graph, graph.graph, *graph.functions):
        del part.metadata_props[:]
    for node in [*graph.graph.node, *(node for one in graph.functions for node in one.node)]:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*graph.graph.value_info, *graph.graph.input, *graph.graph.output, *graph.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
