"""The tuned model as an ONNX graph: ids and mask in, logits out, both axes free.

`torch.onnx.export` with dynamo traces the model once. What it notes beside the graph (stack traces with this machine's paths,
names of Python objects) is removed, so that the bytes are the same in every process and folder.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import onnx
import torch
from torch import nn

FILE = "model.onnx"
INPUTS = ("input_ids", "attention_mask")


def export(model: nn.Module, file: Path, opset: int) -> None:
    """Write the graph.

    Args:
        model: `forward(input_ids, attention_mask)` gives logits `(batch, classes)`; float32.
        file: where to.
        opset: version of ONNX's operators.
    """
    model = model.to("cpu").eval()
    example = (torch.ones(2, 8, dtype=torch.long), torch.ones(2, 8, dtype=torch.long))
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    shapes = ({0: batch, 1: length}, {0: batch, 1: length})
    chatty = logging.getLogger("onnxscript")
    level = chatty.level
    chatty.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), torch.no_grad():
            # The exporter warns of its own internals (deprecated pytree calls); nothing a user could act on.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                example,
                dynamo=True,
                opset_version=opset,
                input_names=list(INPUTS),
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
    onnx.checker.check_model(graph)
    file.write_bytes(graph.SerializeToString(deterministic=True))


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
