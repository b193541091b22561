"""One file per way to adapt a base model; the table below is how finetune finds them."""

from __future__ import annotations

from stages.adaptation.adalora import AdaLora
from stages.adaptation.bitfit import BitFit
from stages.adaptation.bottleneck import Bottleneck
from stages.adaptation.frozen import Frozen
from stages.adaptation.full import Full
from stages.adaptation.ia3 import Ia3
from stages.adaptation.lora import Lora
from stages.adaptation.p_tuning import PTuning
from stages.adaptation.prefix import Prefix
from stages.adaptation.prompt import Prompt
from stages.adaptation.protocol import Method

METHODS: dict[str, type[Method]] = {
    one.name: one for one in (Full, Frozen, Lora, AdaLora, Bottleneck, Prefix, Prompt, PTuning, Ia3, BitFit)
}
