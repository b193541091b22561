"""`export`: what the release holds, and how close its forms have to be to the tuned model."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from stages.params.section import Section, Settings

Share = Annotated[float, Field(ge=0, le=1)]


class Parity(Settings):
    """Limits that the exported graphs must keep on the test split, or export fails.

    Attributes:
        onnx_agreement: least share of records on which the ONNX graph decides as the tuned model does.
        onnx_logit_difference: largest absolute difference of an output, ONNX against the tuned model in float32; as a share of
            the tuned model's largest output where that is above 1.
        int8_agreement: the same share for the int8 graph.
        int8_metric_drop: largest loss of the kind's first figure (accuracy, F1, ...) of the int8 graph against the tuned
            model, in points of 1.
    """

    onnx_agreement: Share = 1.0
    onnx_logit_difference: Annotated[float, Field(gt=0)] = 1e-3
    int8_agreement: Share = 0.9
    int8_metric_drop: Annotated[float, Field(ge=0)] = 0.03


class ExportParams(Section):
    """The `export` section.

    Attributes:
        name: the release's name on its model card.
        licence: SPDX identifier on the model card, lower case as the hub writes it.
        intended_use: a sentence or two for the model card.
        calibrate: give probabilities at the temperature that validation chose (decisions stay the same).
        onnx: write `model.onnx`.
        int8: write `model.int8.onnx` (dynamic quantization of the ONNX graph).
        opset: of the ONNX graph.
        parity: limits.
        parity_records: records of the test split that parity is measured on (the first ones); null for all.
    """

    section: ClassVar[str] = "export"
    name: Annotated[str, Field(min_length=1)] = "whetstone-helpdesk"
    licence: Annotated[str, Field(min_length=1)] = "apache-2.0"
    intended_use: str = ""
    calibrate: bool = True
    onnx: bool = True
    int8: bool = True
    opset: Annotated[int, Field(ge=18, le=23)] = 20
    parity: Parity = Parity()
    parity_records: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _int8_needs_the_graph(self) -> ExportParams:
        if self.int8 and not self.onnx:
            msg = "int8: true needs onnx: true, because the int8 graph is made from the ONNX graph"
            raise ValueError(msg)
        return self
