"""What a run refuses before it begins, and what it says of itself at its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from transformers import AlbertConfig, AlbertModel

from stages.errors import ModelError
from stages.params.adaptation import AdaptationParams
from stages.params.model import ModelParams
from stages.params.objectives import ObjectivesParams
from stages.params.training import TrainingParams
from stages.tasks.pooled_classifier import PooledClassifier
from stages.training import tuning
from tests.unit.adaptation.tiny_encoders import ENCODERS, SIZES


def settings(**changes: Any) -> tuning.Settings:
    made = SimpleNamespace(
        model=ModelParams(), training=TrainingParams(), adaptation=AdaptationParams(), objectives=ObjectivesParams()
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return cast("tuning.Settings", made)


@pytest.mark.parametrize("kind", ENCODERS)
def test_activation_checkpointing_is_refused_where_an_architecture_has_none(kind: str) -> None:
    asked = settings(training=TrainingParams(gradient_checkpointing=True))
    if kind == "mpnet":
        with pytest.raises(ModelError, match="a mpnet model has none"):
            tuning._suits(ENCODERS[kind](), asked)
    else:
        tuning._suits(ENCODERS[kind](), asked)


def test_passes_that_cannot_differ_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    """ALBERT's config speaks of dropout that its layers do not have."""
    albert = AlbertModel(AlbertConfig(**{**SIZES, "embedding_size": 8}))
    for encoder in (ENCODERS["modernbert"](), albert):
        with pytest.raises(ModelError, match="this base model comes without any"):
            tuning._passes_differ(PooledClassifier(encoder, "mean", 3, 0.0), "base model")
        caplog.clear()
        tuning._passes_differ(PooledClassifier(encoder, "mean", 3, 0.1), "base model")
        assert "differ in the head's alone" in caplog.text
    caplog.clear()
    tuning._passes_differ(PooledClassifier(ENCODERS["bert"](), "mean", 3, 0.0), "base model")
    assert not caplog.text


def test_a_run_that_diverged_is_refused_unless_it_was_better_before(caplog: pytest.LogCaptureFixture) -> None:
    def run(diverged: int | None) -> Any:
        return SimpleNamespace(tuner=SimpleNamespace(history=SimpleNamespace(diverged=diverged)))

    tuning.Run._diverged(run(None), 0)
    assert not caplog.text
    with pytest.raises(ModelError, match="at step 20 there is no finite loss, and no step is better"):
        tuning.Run._diverged(run(20), 0)
    tuning.Run._diverged(run(20), 10)
    assert "the weights of step 10 are kept" in caplog.text
