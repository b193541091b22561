"""What cannot work together is refused when params are loaded, with the reason and what would work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.errors import ParamsError
from stages.params.whole import check

OTHER = {"references": "elsewhere.txt"}


def write(folder: Path, project: Path, changes: dict[str, dict[str, Any]]) -> Path:
    """The project's params with some keys of some sections changed."""
    yaml = YAML()
    content = yaml.load((project / "tests/params.yaml").read_text(encoding="utf-8"))
    for section, keys in changes.items():
        for key, value in keys.items():
            content[section][key] = {**content[section][key], **value} if isinstance(value, dict) else value
    file = folder / "params.yaml"
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)
    return file


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"adaptation": {"frozen": {"gradual": 1}}}, "adaptation.frozen: gradual thaws layers"),
        ({"adaptation": {"frozen": {"patterns": ["("]}}}, "is no regular expression"),
        ({"adaptation": {"adalora": {"target_rank": 12}}}, "target_rank must be below initial_rank"),
        ({"adaptation": {"adalora": {"begin": 0.7}}}, "begin must be before end"),
        ({"adaptation": {"lora": {"targets": []}}}, "adaptation.lora.targets"),
        (
            {"adaptation": {"method": "prefix"}, "training": {"gradient_checkpointing": True}},
            "training.gradient_checkpointing: adaptation.method: prefix cannot recompute layers; use prompt",
        ),
        (
            {"objectives": {"sampling": "balanced"}, "training": {"batch_tokens": 4096}},
            "training.batch_tokens: objectives.sampling: balanced fills batches by records",
        ),
        ({"objectives": {"mixup": 0.2, "r_drop": 1.0}}, "mixup has no single label per record, which r_drop"),
        ({"objectives": {"mixup": 0.2, "adversarial": {"kind": "fgm"}}}, "which adversarial would compare"),
        ({"objectives": {"focal": 1.0}, "training": {"label_smoothing": 0.1}}, "objectives.focal: focal loss asks"),
        (
            {"adaptation": {"method": "lora"}, "objectives": {"l2_sp": 0.1}},
            "objectives.l2_sp: is about the base model's own weights, which adaptation.method: lora leaves",
        ),
        ({"adaptation": {"method": "bottleneck"}, "objectives": {"wise_ft": {"shares": [0.5]}}}, "wise_ft.shares"),
        ({"adaptation": {"method": "ia3"}, "objectives": {**OTHER, "ewc": {"weight": 1.0}}}, "objectives.ewc.weight"),
        ({"adaptation": {"method": "frozen"}, "objectives": {"l2_sp": 0.1}}, "so that it forgets nothing"),
        (
            {"objectives": {"sampling": "balanced"}, "training": {"class_weights": "balanced"}},
            "objectives.sampling: balanced makes rare classes frequent, and training.class_weights: balanced weighs",
        ),
        (
            {"objectives": {"r_drop": 1.0}, "model": {"dropout": 0.0, "head_dropout": 0.0}},
            "objectives.r_drop: two passes are the same without dropout",
        ),
        (
            {"objectives": {"adversarial": {"kind": "freelb", "steps": 1}}},
            "objectives.adversarial.steps: freelb's first",
        ),
        (
            {"adaptation": {"method": "frozen", "frozen": {"patterns": ["bias"]}}},
            "adaptation.frozen.patterns: adaptation.frozen.layers: all freezes everything already",
        ),
        (
            {"adaptation": {"method": "frozen", "layer_decay": 0.9}},
            "adaptation.layer_decay: the base model is frozen as a whole",
        ),
        (
            {"adaptation": {"method": "frozen"}, "objectives": {"contrastive": {"weight": 0.5}}},
            "objectives.contrastive.weight: the base model is frozen as a whole",
        ),
        ({"training": {"seed": 2**32}}, "training.seed"),
        (
            {"adaptation": {"method": "frozen", "frozen": {"layers": 0}}},
            "adaptation.frozen.layers: nothing is frozen; set it to all",
        ),
        (
            {"adaptation": {"method": "frozen", "frozen": {"layers": 0, "gradual": 4}}, "training": {"epochs": 4}},
            "adaptation.frozen.gradual: the first layer would thaw when training.epochs: 4 are over",
        ),
        (
            {"adaptation": {"method": "prompt", "layer_decay": 0.9}},
            "adaptation.layer_decay: adaptation.method: prompt has no weights in the layers",
        ),
        (
            {"objectives": {"contrastive": {"weight": 0.5, "together": 4}}, "training": {"batch_tokens": 400}},
            "objectives.contrastive.together: training.batch_tokens makes batches of similar length",
        ),
        (
            {"objectives": {"contrastive": {"weight": 0.5, "together": 4}, "sampling": "balanced"}},
            "objectives.contrastive.together: sampling: balanced draws records one by one",
        ),
        (
            {"objectives": {"contrastive": {"weight": 0.5, "together": 17}}, "training": {"batch_size": 32}},
            "objectives.contrastive.together: leaves no room for another class in training.batch_size: 32",
        ),
        (
            {"adaptation": {"method": "prompt"}, "objectives": {**OTHER, "replay": {"weight": 1.0}}},
            "objectives.replay.weight: adaptation.method: prompt begins away from the base model",
        ),
        (
            {"objectives": {"replay": {"weight": 1.0}}},
            "objectives.references: data/raw/helpdesk/general.txt is what evaluation.references measures retention on",
        ),
        ({"training": {"warmup": 1.0}}, "warmup: 1 never reaches the learning rate"),
        ({"data": {"columns": {"keep": ["text_b"]}}}, "keep: text_b would be taken for the second text of a pair"),
        ({"gate": {"margins": {"f1": 0.01}}}, "'f1' is no gated metric; there are accuracy and macro_f1"),
        (
            {"adaptation": {"method": "adalora"}, "objectives": {"averaging": {"kind": "ema"}}},
            "objectives.averaging.kind: averaged weights would not keep adalora's rank budget",
        ),
        ({"objectives": {"wise_ft": {"shares": [1.5]}}}, "objectives.wise_ft.shares"),
        (
            {"task": {"kind": "tagging"}, "data": {"augmentation": {"back_translation": {"copies": 1}}}},
            "data.augmentation.back_translation.copies: task.kind: tagging marks spans, which have no place",
        ),
        ({"data": {"augmentation": {"typos": {"copies": 1, "rate": 0.0}}}}, "data.augmentation.typos.rate"),
        (
            {"data": {"rehearsal": {"share": 0.5}}},
            "data: rehearsal.path is data.path itself; name another corpus",
        ),
    ],
)
def test_it_is_refused_with_what_would_work(
    tmp_path: Path, project: Path, changes: dict[str, dict[str, Any]], says: str
) -> None:
    with pytest.raises(ParamsError) as caught:
        check(write(tmp_path, project, changes))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"adaptation": {"method": "frozen", "frozen": {"layers": 0, "gradual": 1}}, "objectives": {"l2_sp": 0.1}},
        {"adaptation": {"method": "lora"}, "objectives": {**OTHER, "replay": {"weight": 1.0}, "r_drop": 1.0}},
        {"objectives": {"mixup": 0.2, "focal": 2.0, "sampling": "balanced", "averaging": {"kind": "swa"}}},
        {"objectives": {**OTHER, "ewc": {"weight": 1.0}, "wise_ft": {"shares": [0.5, 1.0]}}},
        {"adaptation": {"lora": {"targets": ["query", "dense"]}, "method": "lora"}},
        {
            "adaptation": {"method": "lora", "lora": {"dropout": 0.1}},
            "objectives": {"r_drop": 1.0},
            "model": {"dropout": 0.0, "head_dropout": 0.0},
        },
        {"data": {"augmentation": {"typos": {"copies": 2}}, "rehearsal": {"share": 0.5, "path": "data/raw/older"}}},
    ],
)
def test_what_goes_together_is_taken(tmp_path: Path, project: Path, changes: dict[str, dict[str, Any]]) -> None:
    check(write(tmp_path, project, changes))


@pytest.mark.parametrize("as_folder", [False, True])
def test_text_that_retention_is_read_on_is_known_by_its_bytes(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, *, as_folder: bool
) -> None:
    """A folder of references with a copy of the text in it, as the documents advise, and the text by another way."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "copy.txt").write_text("one\ntwo\n", encoding="utf-8")
    (tmp_path / "general.txt").write_text("one\ntwo\n", encoding="utf-8")
    (tmp_path / "other.txt").write_text("one\nten\n", encoding="utf-8")
    asked = "own" if as_folder else "./general.txt"
    changes: dict[str, dict[str, Any]] = {
        "evaluation": {"references": asked},
        "objectives": {"references": "general.txt", "replay": {"weight": 1.0}},
    }
    with pytest.raises(ParamsError, match="measures retention on"):
        check(write(tmp_path, project, changes))
    changes["objectives"]["references"] = "other.txt"
    check(write(tmp_path, project, changes))
