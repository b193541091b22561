"""The ONNX graph with weights of its products in int8: a quarter of the size, faster on CPUs, a little less exact.

Dynamic quantization (onnxruntime): weights are rounded once, activations at run time, so no calibration data are needed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

FILE = "model.int8.onnx"


def quantize(graph: Path, file: Path) -> None:
    """Write the int8 form of a graph.

    Args:
        graph: the float32 graph.
        file: where to.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as folder:
        made = Path(folder) / FILE
        quiet = logging.getLogger()
        level = quiet.level
        quiet.setLevel(logging.ERROR)  # onnxruntime advises pre-processing through the root logger
        try:
            quantize_dynamic(graph, made, weight_type=QuantType.QInt8, per_channel=True)
        finally:
            quiet.setLevel(level)
        model = onnx.load(made)
    model.producer_name, model.producer_version = "whetstone", ""
    file.write_bytes(model.SerializeToString(deterministic=True))
