"""`training`: how long, how fast and with what care the model is tuned."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.params.section import Section, Settings

Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class EarlyStopping(Settings):
    """When training ends before its last epoch.

    Attributes:
        patience: evaluations without improvement after which training stops; null never stops early.
        min_delta: smallest change of the metric that counts as an improvement.
    """

    patience: Annotated[int, Field(ge=1)] | None = 3
    min_delta: Annotated[float, Field(ge=0)] = 0.0


class TrainingParams(Section):
    """The `training` section.

    Attributes:
        epochs: passes over train.
        batch_size: records per optimizer step before accumulation, of all processes together.
        batch_tokens: most tokens of a batch, padding included; short texts then come in larger batches, and `batch_size` and
            `group_by_length` say nothing. Each batch counts as one, however many texts it holds: a long text among few weighs
            more than a short one among many. null counts records.
        accumulation: batches whose mean gradient makes one optimizer step.
        eval_batch_size: records per batch where nothing is learned.
        group_by_length: batches of similar length, so that little is padding; the order stays random and seeded. Says nothing
            where `objectives.contrastive.together` fills batches.
        learning_rate: peak of the schedule, for the base model's weights.
        head_learning_rate: peak for the task's head, null takes `learning_rate`.
        head_start: `probe` begins with a head fitted on the frozen base model's features (LP-FT, Kumar et al. 2022), `random`
            with noise.
        schedule: how the rate falls after warm-up.
        warmup: share of all steps over which the rate rises from 0.
        weight_decay: decoupled (AdamW), not on norms and biases.
        betas: AdamW's.
        epsilon: AdamW's.
        clip_norm: largest global norm of the gradient; null does not clip.
        label_smoothing: mass that the target gives away to the other classes.
        class_weights: `balanced` weighs classes by n / (classes * n_class), scaled to a mean of 1 over train's records.
        precision: `auto` is bf16 where the processor multiplies it natively, else fp32.
        gradient_checkpointing: recompute activations in the backward pass: less memory, more time.
        frozen_cache_mib: memory for what frozen layers computed, in MiB; more of it goes to a file. null computes it anew each
            epoch.
        metric: validation metric that picks the best epoch and stops early: `loss`, or one of the task's kind (see
            `stages.params.task.VALIDATED`); `auto` is the kind's own choice.
        early_stopping: when to stop.
        evaluations_per_epoch: how often validation is read within an epoch.
        checkpoint_seconds: least time between two resumable checkpoints; 0 writes one at every step (with several processes: at
            every row of the step curve).
        seed: of head, order and dropout.
        seeds: train once with each of these instead of `seed`, one run after another, each as it would be alone; null for one
            run. What is kept is chosen on validation, `reports/training/seeds.csv` compares them.
        keep: of several seeds: `best` keeps the run that validates best, `soup` the mean of all their weights (Wortsman et al.
            2022), for which they have to start from the same weights, `ensemble` all of them, whose probabilities are averaged
            (Lakshminarayanan et al. 2017): a model as large and as slow as all together.
        deterministic: refuse operations whose result depends on scheduling (slower on GPUs).
        threads: of the CPU; null takes one per core. The number changes the order of sums and so the last bits.
    """

    section: ClassVar[str] = "training"
    epochs: Annotated[float, Field(gt=0)] = 3
    batch_size: Annotated[int, Field(ge=1)] = 32
    batch_tokens: Annotated[int, Field(ge=1)] | None = None
    accumulation: Annotated[int, Field(ge=1)] = 1
    eval_batch_size: Annotated[int, Field(ge=1)] = 64
    group_by_length: bool = True
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    head_learning_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    head_start: Literal["probe", "random"] = "probe"
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: Share = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    betas: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2, max_length=2)] = [0.9, 0.999]  # noqa: RUF012 - frozen by pydantic
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    gradient_checkpointing: bool = False
    frozen_cache_mib: Annotated[int, Field(ge=0)] | None = 1024
    metric: Annotated[str, Field(min_length=1)] = "auto"
    early_stopping: EarlyStopping = EarlyStopping()
    evaluations_per_epoch: Annotated[int, Field(ge=1)] = 1
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 60
    seed: Seed = 42
    seeds: Annotated[list[Seed], Field(min_length=2)] | None = None
    keep: Literal["best", "soup", "ensemble"] = "best"
    deterministic: bool = True
    threads: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _warmup_ends(self) -> TrainingParams:
        if self.warmup == 1:
            msg = "warmup: 1 never reaches the learning rate; it is a share of all steps"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _seeds_differ(self) -> TrainingParams:
        if self.seeds is not None and len(set(self.seeds)) < len(self.seeds):
            msg = "seeds: names a seed twice, which would train the same model twice"
            raise ValueError(msg)
        if self.seeds is None and self.keep != "best":
            msg = f"keep: {self.keep} is a mean over several runs; name them in seeds, or set keep: best"
            raise ValueError(msg)
        return self
