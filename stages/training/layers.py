"""Encoder layers of BERT's kind in bf16 on a CPU, each one node of the graph with its own backward pass.

Under autocast a step of a small encoder is not spent on products. Each weight is cast into a fresh tensor, its gradient comes
in bf16 and is cast into another fresh tensor, and fresh memory has to be mapped page by page; the rest is a hundred small
operations a layer (docs/experiment_log.md). Here

- bf16 copies of the weights stay in place and are renewed when the weights have moved, query, key and value as one product;
- gradients of products are written into memory that stays, where the optimizer reads them, and left out where nothing learns;
- a layer is one node, whose passes stand in `stages.training.layer_passes`;
- adapters that add to a weight or scale it are folded into it once a pass (`stages.adaptation.folding`).

What is computed is what the layer computes under autocast with `stages.training.stream`: products and what lies between them
in bf16, weights and their gradients in float32. The order of roundings differs, as between any two implementations. Reading
without gradients goes by the same copies. Wherever something else is asked of a layer, its own code runs: float32, long texts
without dropout, decoders, other activations, products that no single weight stands for, and layers whose output nothing
learns from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import nn
from transformers.activations import GELUActivation

from stages.adaptation import folding
from stages.training import attention, layer_passes
from stages.training.layer_parts import Copies, Form, Memory, Saved, Wanted

RECORDER = "output_capturing_hook"
"""Name of the hook by which transformers collects states and attention's weights (transformers.utils.output_capturing)."""


def install(encoder: Any) -> int:
    """Let an encoder's layers run as one node each, in place.

    Args:
        encoder: a transformers encoder whose states are bf16 under autocast (`stages.training.stream`) and whose attention is
            chosen by length (`stages.training.attention`).

    Returns:
        The number of layers that were changed; none where the architecture or its attention is another one.
    """
    config = encoder.config
    if config.model_type not in attention.FAMILIES or config._attn_implementation != attention.NAME:
        return 0
    layers = getattr(getattr(encoder, "encoder", None), "layer", ())
    fitting = [(layer, weights) for layer in layers if (weights := _weights(layer)) is not None]
    for layer, weights in fitting:
        layer.as_one_node = weights
        # A bound method, which a copy of the layer binds to itself.
        layer.forward = MethodType(_decided, layer)
    return len(fitting)


def uninstall(encoder: Any) -> None:
    """Give layers their own code back, and the memory to whoever needs it."""
    for layer in encoder.modules():
        if "as_one_node" in vars(layer):
            del layer.as_one_node, layer.forward


@dataclass
class Weights:
    """What a layer computes with.

    Attributes:
        products: query, key, value, output of attention, and both products behind it; or what was put in their places.
        norms: behind attention, behind the layer.
        heads: of attention.
        scale: of attention's scores.
        kind: of numbers to compute in; tests compare in float64.
        copies: of the products' weights, of that kind.
        gradients: memory for the gradients of products.
        seen: which weights, and which state of them, `copies` was made from.
        lent: whether `gradients` holds what the optimizer has not seen.
    """

    products: list[Any]
    norms: tuple[nn.LayerNorm, nn.LayerNorm]
    heads: int
    scale: float
    kind: torch.dtype = torch.bfloat16
    copies: Copies | None = None
    gradients: Memory | None = None
    seen: tuple[tuple[int, int], ...] = ()
    lent: bool = False

    def tensors(self) -> list[torch.Tensor]:
        """The products' weights and biases, then the norms', in the order in which gradients are returned."""
        products = [part for one in self.products for part in folding.folded(one)]
        return [*products, *(part for one in self.norms for part in one.parameters())]

    def learn(self) -> bool:
        """Whether anything does."""
        return any(part.requires_grad for one in (*self.products, *self.norms) for part in one.parameters())

    def state(self) -> tuple[tuple[int, int], ...]:
        """Which weights there are, and how often they were changed."""
        return tuple((id(part), part._version) for one in self.products for part in one.parameters())

    def renewed(self, tensors: Sequence[torch.Tensor] | None = None) -> Copies:
        """The copies; if weights have changed since the last time they are cast anew, and the gradients' memory is free.

        Args:
            tensors: what `tensors` gave, where they are at hand.
        """
        now = self.state()
        if self.copies is None:
            self.copies = Copies(
                *(one for shape in self._shapes() for one in self._room((shape, shape[:1]), self.kind))
            )
        if now != self.seen:
            with torch.no_grad():
                given = self.tensors() if tensors is None else tensors
            wide = len(given[0])
            sources = [*given[:6:2], *given[1:6:2], *given[6:12]]
            qkv, qkv_bias, *rest = self.copies
            targets = [*torch.split(qkv, wide), *torch.split(qkv_bias, wide), *rest]
            for target, source in zip(targets, sources, strict=True):
                target.copy_(source.detach())
            self.seen, self.lent = now, False
        return self.copies

    def memory(self) -> Memory:
        """Where gradients of products may be written: memory that stays, if nothing there is still needed.

        Views of it, since the graph takes over a gradient without copying it only where nobody else holds that tensor.
        """
        if self.gradients is None:
            self.gradients = Memory(*self._room(self._shapes(), self.norms[0].weight.dtype))
        free = not self.lent and all(one.weight.grad is None for one in self.products)
        self.lent = True
        return Memory(*(one.view_as(one) if free else torch.empty_like(one) for one in self.gradients))

    def form(self, dropout: tuple[float, float, float]) -> Form:
        """What a layer is besides its products."""
        return Form(self.norms, self.heads, self.scale, dropout)

    def _shapes(self) -> list[tuple[int, int]]:
        """Of the weights of products, query, key and value above one another."""
        sizes = [(one.out_features, one.in_features) for one in self.products]
        return [(3 * sizes[0][0], sizes[0][1]), *sizes[3:]]

    @staticmethod
    @torch.inference_mode(mode=False)
    def _room(shapes: Sequence[tuple[int, ...]], kind: torch.dtype) -> list[torch.Tensor]:
        """Memory that serves with gradients also where it is first asked for without."""
        return [torch.empty(shape, dtype=kind) for shape in shapes]


class Layer(torch.autograd.Function):
    """One layer as one node. What it computes with is passed so that the gradients are wanted."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, mask: Any, weights: Weights, form: Form, *tensors: torch.Tensor
    ) -> torch.Tensor:
        """See `layer_passes.forward`."""
        found, saved = layer_passes.forward(x, mask, weights.renewed(tensors), form)
        ctx.save_for_backward(*saved)
        ctx.weights, ctx.form, ctx.seen = weights, form, weights.seen
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """See `layer_passes.backward`."""
        weights: Weights = ctx.weights
        if weights.copies is None or not ctx.seen == weights.seen == weights.state():
            raise RuntimeError("weights were changed between the forward and the backward pass of a layer")
        saved, wanted = Saved(*ctx.saved_tensors), Wanted.of(ctx.needs_input_grad[0], ctx.needs_input_grad[4:])
        x, own = layer_passes.backward(gradients[0], weights.copies, ctx.form, saved, weights.memory(), wanted)
        return x, None, None, None, *own


def _decided(
    layer: Any, hidden_states: torch.Tensor, attention_mask: Any = None, *arguments: Any, **options: Any
) -> Any:
    """A layer's forward pass; which way is decided at each call."""
    weights: Weights = layer.as_one_node
    dropouts = layer.attention.self.dropout, layer.attention.output.dropout, layer.output.dropout
    shares, middle, last = (part.p if layer.training else 0.0 for part in dropouts)
    drops = shares, middle, last
    plain = (
        hidden_states.dtype == torch.bfloat16
        and hidden_states.device.type == "cpu"
        and all(one is None for one in (*arguments, options.get("past_key_values")))
        and (attention_mask is None or attention_mask.is_floating_point())
        and not options.get("output_attentions")
        and not any(folding.set_aside(one) for one in weights.products)
    )
    learns = (
        plain
        and torch.is_grad_enabled()
        and (shares > 0 or hidden_states.size(1) < attention.CROSSING[torch.bfloat16])
        and (hidden_states.requires_grad or weights.learn())
        and not (layer.gradient_checkpointing and layer.training)
    )
    reads = plain and not layer.training and not torch.is_grad_enabled()
    if not (learns or reads):
        return type(layer).forward(layer, hidden_states, attention_mask, *arguments, **options)
    with torch.autocast("cpu", enabled=False):
        if learns:
            tensors = weights.tensors()
            return Layer.apply(hidden_states, attention_mask, weights, weights.form(drops), *tensors)  # type: ignore[no-untyped-call]
        return layer_passes.read(hidden_states, attention_mask, weights.renewed(), weights.form(drops))


def _weights(layer: Any) -> Weights | None:
    """A layer's weights, where it is of the form that is computed here."""
    if not hasattr(layer, "attention"):
        return None  # the place of a frozen layer whose states are looked up
    own, out = layer.attention.self, layer.attention.output
    products = [own.query, own.key, own.value, out.dense, layer.intermediate.dense, layer.output.dense]
    norms = out.LayerNorm, layer.output.LayerNorm
    plain = (
        all(folding.foldable(one) for one in products)
        and all(type(one) is nn.LayerNorm for one in norms)
        and isinstance(layer.intermediate.intermediate_act_fn, GELUActivation)
        and not getattr(own, "is_decoder", False)
        and layer.chunk_size_feed_forward == 0
        and not any(_hooked(one) for one in layer.modules() if one is not layer)
    )
    return Weights(products, norms, own.num_attention_heads, own.scaling) if plain else None


def _hooked(module: nn.Module) -> bool:
    """Whether somebody takes part within a layer; transformers' recorder, which stays once states were asked for, looks on."""
    hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    return any(getattr(one, "__name__", "") != RECORDER for one in hooks)
