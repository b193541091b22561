"""`adaptation`: which weights of the base model are tuned, or what is inserted to be tuned instead.

Each method has a group of settings of its own; only the group of the chosen method is read, the others wait.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.params.section import Section, Settings

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Targets = Literal["queries-values", "attention", "all"] | Annotated[list[str], Field(min_length=1)]
"""Linear modules: attention's queries and values, all of attention, all in the layers; or the ends of module names."""


class Frozen(Settings):
    """`frozen`: some weights stay as they were; the head always learns.

    Attributes:
        layers: `all` freezes the whole base model (head only); k freezes the embeddings and the lowest k layers, 0 nothing.
        patterns: regular expressions; weights of the base model whose name holds a match are frozen as well.
        gradual: begin with the head alone and thaw the next layer from the top every so many epochs (Howard & Ruder 2018), the
            embeddings behind the lowest layer; patience waits until all is thawed. What `layers` and `patterns` freeze stays
            frozen. Null thaws everything at once.
    """

    layers: Annotated[int, Field(ge=0)] | Literal["all"] = "all"
    patterns: list[str] = Field(default_factory=list)
    gradual: Count | None = None

    @model_validator(mode="after")
    def _something_can_thaw(self) -> Frozen:
        if self.gradual is not None and self.layers == "all":
            msg = "gradual thaws layers, and layers: all keeps all of them frozen; set layers: 0, or gradual: null"
            raise ValueError(msg)
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                msg = f"patterns: '{pattern}' is no regular expression ({error})"
                raise ValueError(msg) from None
        return self


class Lora(Settings):
    """`lora`: a product of two thin matrices is learned beside each target (Hu et al. 2021).

    Attributes:
        rank: columns of the thin matrices.
        alpha: the product is scaled by alpha / rank.
        dropout: on what goes into the product.
        rslora: scale by alpha / sqrt(rank) instead, so that high ranks learn as fast (Kalajdzievski 2023).
        dora: learn each output's length apart from its direction (Liu et al. 2024).
        targets: which linear modules.
    """

    rank: Count = 8
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Rate = 0.0
    rslora: bool = False
    dora: bool = False
    targets: Targets = "queries-values"


class AdaLora(Settings):
    """`adalora`: LoRA in the form of singular values, whose number falls to a budget while training (Zhang et al. 2023).

    Attributes:
        initial_rank: per target, at the beginning.
        target_rank: per target, on average, at the end.
        alpha: the product is scaled by alpha / initial_rank, also when ranks have fallen.
        dropout: on what goes into it.
        begin: share of all steps before the budget starts to fall.
        end: share of all steps after which it has reached its target.
        interval: steps between two cuts.
        orthogonality: weight of the penalty that keeps singular vectors orthogonal.
        targets: which linear modules.
    """

    initial_rank: Count = 12
    target_rank: Count = 4
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Rate = 0.0
    begin: Rate = 0.1
    end: Annotated[float, Field(gt=0, lt=1)] = 0.6
    interval: Count = 5
    orthogonality: Annotated[float, Field(ge=0)] = 0.5
    targets: Targets = "all"

    @model_validator(mode="after")
    def _the_budget_can_fall(self) -> AdaLora:
        if self.target_rank >= self.initial_rank:
            msg = "target_rank must be below initial_rank, or nothing is ever cut; method: lora has a fixed rank"
            raise ValueError(msg)
        if self.begin >= self.end:
            msg = "begin must be before end: the budget falls between them"
            raise ValueError(msg)
        return self


class Bottleneck(Settings):
    """`bottleneck`: small two-layer networks inside the layers.

    Attributes:
        kind: `houlsby` puts one behind attention and one behind the feed-forward part (Houlsby et al. 2019), `pfeiffer` only
            the latter, on the normalised states (Pfeiffer et al. 2021).
        reduction: hidden width of the base model over the adapter's.
        activation: between its two layers.
        norms: let the base model's layer norms learn as well, as Houlsby et al. do.
    """

    kind: Literal["houlsby", "pfeiffer"] = "pfeiffer"
    reduction: Annotated[int, Field(ge=2)] = 16
    activation: Literal["gelu", "relu"] = "gelu"
    norms: bool = False


class Prefix(Settings):
    """`prefix`: keys and values that every layer attends to besides the text's own (Li & Liang 2021).

    Attributes:
        tokens: how many.
        projection: learn them through a small network, which is folded away at the end; null learns them as they are. The
            number is the network's hidden width.
    """

    tokens: Count = 16
    projection: Count | None = None


class Prompt(Settings):
    """`prompt`: vectors before the text's own embeddings (Lester et al. 2021).

    Attributes:
        tokens: how many.
        start: `vocabulary` begins with embeddings of words drawn from the base model's vocabulary, `random` with noise of
            their spread.
    """

    tokens: Count = 16
    start: Literal["vocabulary", "random"] = "vocabulary"


class PTuning(Settings):
    """`p-tuning`: as `prompt`, but the vectors come out of a small network (Liu et al. 2021), which is folded away at the end.

    Attributes:
        tokens: how many.
        network: its kind.
        width: its hidden width.
    """

    tokens: Count = 16
    network: Literal["mlp", "lstm"] = "mlp"
    width: Count = 128


class AdaptationParams(Section):
    """The `adaptation` section.

    Attributes:
        method: `full` tunes every weight, `bitfit` only biases (Ben Zaken et al. 2022), `ia3` a factor per key, value and
            feed-forward unit (Liu et al. 2022); the others as their groups say.
        layer_decay: factor of the learning rate from one layer to the next one below (Howard & Ruder 2018); 1 for none.
        frozen: settings of `frozen`.
        lora: of `lora`.
        adalora: of `adalora`.
        bottleneck: of `bottleneck`.
        prefix: of `prefix`.
        prompt: of `prompt`.
        p_tuning: of `p-tuning`.
    """

    section: ClassVar[str] = "adaptation"
    method: Literal[
        "full", "frozen", "lora", "adalora", "bottleneck", "prefix", "prompt", "p-tuning", "ia3", "bitfit"
    ] = "full"
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    frozen: Frozen = Frozen()
    lora: Lora = Lora()
    adalora: AdaLora = AdaLora()
    bottleneck: Bottleneck = Bottleneck()
    prefix: Prefix = Prefix()
    prompt: Prompt = Prompt()
    p_tuning: PTuning = PTuning()
