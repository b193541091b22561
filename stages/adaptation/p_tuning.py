"""P-tuning: vectors before the text that come out of a small network, so that they learn together (Liu et al. 2021).

The network is peft's; what it makes replaces it at the end.
"""

from __future__ import annotations

from torch import nn

from stages.adaptation.prompting import BeforeText
from stages.adaptation.protocol import encoder_of
from stages.adaptation.virtual import Network, VirtualMethod, room


class PTuning(VirtualMethod):
    """A network of vectors before the text."""

    name = "p-tuning"
    kind = BeforeText

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """See `Method.apply`."""
        from peft import PromptEncoder, PromptEncoderConfig

        settings, encoder = self.params.p_tuning, encoder_of(model)
        room(encoder, settings.tokens, max_length, self.name)
        config = PromptEncoderConfig(
            num_virtual_tokens=settings.tokens,
            token_dim=encoder.get_input_embeddings().embedding_dim,
            num_transformer_submodules=1,
            encoder_reparameterization_type=settings.network.upper(),
            encoder_hidden_size=settings.width,
        )
        return self.insert(model, Network(PromptEncoder(config), settings.tokens))
