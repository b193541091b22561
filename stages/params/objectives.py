"""`objectives`: what is added to the task's own loss, against overfitting and against forgetting.

Everything is off by default. Each one stands alone and they combine, but for those that both say what the loss of a batch is.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.params.section import Section, Settings

Weight = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Adversarial(Settings):
    """Small changes of the word embeddings in the direction that hurts most.

    Attributes:
        kind: `fgm` one step of the whole radius (Miyato et al. 2017), `pgd` several steps of which the last one counts (Madry
            et al. 2018), `freelb` several steps from a random start whose mean counts (Zhu et al. 2020).
        radius: largest length of a record's change, summed over its tokens.
        steps: of pgd and freelb.
        step_size: length of one of their steps.
        weight: of the loss on changed embeddings, which is added to the plain one.
    """

    kind: Literal["none", "fgm", "pgd", "freelb"] = "none"
    radius: Positive = 0.5
    steps: Count = 3
    step_size: Positive = 0.2
    weight: Positive = 1.0


class Contrastive(Settings):
    """Records of a class are drawn together, others apart (supervised contrastive loss, Gunel et al. 2021).

    Attributes:
        weight: share of the loss that it takes; the rest stays with the task's own.
        temperature: of the similarities.
        together: most records of a class that come into a batch as a group, so that they have partners where classes are many;
            batches are then not of similar length (`training.group_by_length`). 1 leaves partners to chance.
    """

    weight: Annotated[float, Field(ge=0, lt=1)] = 0.0
    temperature: Positive = 0.3
    together: Annotated[int, Field(ge=1)] = 1


class Averaging(Settings):
    """Evaluate and keep averaged weights instead of the last ones.

    Attributes:
        kind: `ema` an exponentially fading mean, `swa` the plain mean (Izmailov et al. 2018).
        decay: of ema, by step; less in the first steps.
        start: share of all steps after which swa begins to take each step's weights in.
    """

    kind: Literal["none", "ema", "swa"] = "none"
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    start: Annotated[float, Field(ge=0, lt=1)] = 0.5


class Replay(Settings):
    """Keep features of general text where the base model had them (learning without forgetting, Li & Hoiem 2016).

    Attributes:
        weight: of the relative squared distance to the base model's features; 0 for none.
        texts: general texts read beside each batch.
        level: `pooled` compares one vector per text, `token` one per token.
        limit: most texts that are used; the base model's features of all of them are kept in memory.
    """

    weight: Weight = 0.0
    texts: Count = 16
    level: Literal["pooled", "token"] = "pooled"
    limit: Count = 2000


class Ewc(Settings):
    """Hold weights back where general text would feel it (elastic weight consolidation, Kirkpatrick et al. 2017).

    Attributes:
        weight: of the penalty; 0 for none.
        texts: general texts that the Fisher information is estimated on.
    """

    weight: Weight = 0.0
    texts: Count = 256


class WiseFt(Settings):
    """Mix base and tuned weights when training is done (Wortsman et al. 2022).

    Attributes:
        shares: of the tuned weights, each tried on validation; empty for none.
        tolerance: the smallest share is taken whose validation metric is within this of the best.
    """

    shares: list[Share] = Field(default_factory=list)
    tolerance: Weight = 0.0


class ObjectivesParams(Section):
    """The `objectives` section.

    Attributes:
        references: general text, one a line, that `replay` and `ewc` read: a file. It must not be what retention is measured
            on.
        r_drop: weight of the divergence between two passes with different dropout, beside the mean of both losses as in the
            authors' program (half the α of the formula in Wu et al. 2021); 0 for none.
        adversarial: changed embeddings.
        mixup: of what the head reads, with shares from Beta(mixup, mixup) (Zhang et al. 2018); 0 for none.
        contrastive: between records of a batch.
        focal: exponent by which records that are right already count less (Lin et al. 2017); 0 for none.
        sampling: `balanced` draws each class equally often, with repetition.
        averaging: of weights.
        replay: of general text.
        l2_sp: pull towards the base model's weights, decoupled from the gradient as AdamW's decay is (Li et al. 2018); the
            rate times this is the share of the way that a step goes back. 0 for none.
        ewc: the same, by importance.
        wise_ft: after training.
    """

    section: ClassVar[str] = "objectives"
    references: Annotated[str, Field(min_length=1)] = "data/raw/helpdesk/general.txt"
    r_drop: Weight = 0.0
    adversarial: Adversarial = Adversarial()
    mixup: Weight = 0.0
    contrastive: Contrastive = Contrastive()
    focal: Weight = 0.0
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    averaging: Averaging = Averaging()
    replay: Replay = Replay()
    l2_sp: Weight = 0.0
    ewc: Ewc = Ewc()
    wise_ft: WiseFt = WiseFt()

    @model_validator(mode="after")
    def _one_says_what_the_loss_is(self) -> ObjectivesParams:
        if self.mixup > 0:
            others = {
                "r_drop": self.r_drop > 0,
                "contrastive": self.contrastive.weight > 0,
                "adversarial": self.adversarial.kind != "none",
            }
            clash = [name for name, on in others.items() if on]
            if clash:
                msg = (
                    f"mixup has no single label per record, which {', '.join(clash)} would compare; "
                    "set mixup: 0 or switch the other off"
                )
                raise ValueError(msg)
        return self

    @property
    def reads_references(self) -> bool:
        """Whether general text is read."""
        return self.replay.weight > 0 or self.ewc.weight > 0
