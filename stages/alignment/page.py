"""The report on the three gaps, as one HTML page without anything from elsewhere, and as Markdown for CI."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from stages.alignment import svg
from stages.alignment.elements import STYLE, card, html_table, markdown_table
from stages.alignment.result import Alignment
from stages.alignment.retention import Retention
from stages.alignment.surroundings import Surroundings
from stages.alignment.tables import (
    behaviour_rows,
    calibration_rows,
    content_rows,
    explanation_rows,
    fit_rows,
    retention_rows,
    robustness_rows,
    scope_rows,
    shift_rows,
    slice_rows,
    task_rows,
    way_rows,
)
from stages.alignment.verdict import bounds, signed
from stages.metrics.intervals import Estimate
from stages.params.alignment import Thresholds

TITLES = {
    "task": "Does the base model fit the task?",
    "shift": "Do other messages look like the training data?",
    "retention": "What did fine-tuning make the model forget?",
    "calibration": "Can its confidence be trusted?",
    "robustness": "What do small changes of the texts do?",
    "scope": "Does it notice messages that fit none of its classes?",
    "slices": "Where is it worst?",
    "behaviour": "Does it behave as the tests ask?",
    "overfitting": "How much better is it on what it has seen?",
    "explanations": "Which words led to its surest mistakes?",
}
WORDS = {
    "pretraining gain": "accuracy of a linear probe on the frozen base model less the best floor's, paired over test records.",
    "adaptation gap": "accuracy of the tuned model less the probe's, paired over test records.",
    "AUC": "how well a classifier tells a split's records, in lower case and without punctuation, from train's, on records "
    "that it has not seen; .5 is not at all.",
    "distance ratio": "mean distance to the five nearest train records over the same of validation's records.",
    "label shift": "total variation between train's class shares and those estimated without labels (BBSE).",
    "expected accuracy": "of the tuned model, estimated without labels by average thresholded confidence (ATC).",
    "leaked": "share of a split's records that stand in train but for case and punctuation, and that stand there nearly so.",
    "retained": "(tuned - floor) / (base - floor); the floor is the same architecture with random weights.",
    "UNINFORMATIVE": "the base model is not four standard errors above the floor, so there is nothing to forget.",
    "access, information": "vectors taken as they are; a linear probe fitted anew.",
    "backward transfer": "mean change of the informative abilities but for the language model's; it hides the worst one.",
    "ECE": "mean distance of confidence from accuracy over bins of equal mass; the band is where a perfectly calibrated "
    "model's would lie on as many records.",
    "counted seconds": "cost by a count of operations, in seconds of two cores; samples follow from it and never from a clock.",
}
NOT_ASKED = "Not measured: records of this kind of task have not one text and one label each, which a probe needs."


def html(found: Alignment, limits: Thresholds) -> str:
    """The page."""
    strip = "".join(f'<span class="{one.state}">{escape(one.gap)} <b>{one.state}</b></span>' for one in found.verdicts)
    cards = "".join(card(one) for one in found.verdicts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Alignment report</title><style>{STYLE}</style></head><body><main>"
        f"<h1>Alignment report</h1><p class=lead>Base model {escape(found.base)}; intervals are {100 * found.confidence:g} % "
        f"unless a heading says otherwise. {_samples(found)} "
        f'What the words mean stands at the end.</p><p class="strip">{strip}</p><div class="cards">{cards}</div>'
        f"{_task(found)}{_shift(found, limits)}{_retention(found, limits)}{_around(found)}"
        f"{_definitions(limits)}</main></body></html>\n"
    )


def markdown(found: Alignment) -> str:
    """The same in Markdown: verdicts first, one table per gap."""
    width = f"Intervals are {100 * found.confidence:g} % unless a heading says otherwise."
    lines = ["# Alignment report", "", width, "", "| gap | verdict | evidence | remedy |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.gap} | **{one.state}** | {one.evidence} | {one.remedy or 'none needed'} |" for one in found.verdicts
    ]
    lines += ["", "## Task", "", *(markdown_table(*task_rows(found.task)) if found.task else [NOT_ASKED])]
    lines += ["", "## Distribution shift", "", *markdown_table(*shift_rows(found))]
    lines += ["", *markdown_table(*content_rows(found))]
    lines += ["", "## Retention", "", *markdown_table(*retention_rows(found))]
    if found.retention.backward is not None:
        lines += ["", _together(found.retention)]
    more = {
        "Between base and tuned weights": way_rows(found),
    }
    if found.around:
        more |= {
            "Calibration": calibration_rows(found.around),
            "Robustness": robustness_rows(found.around),
            "Out of scope": scope_rows(found.around),
            "Worst slices": slice_rows(found.around),
            "Behaviour": behaviour_rows(found.around),
            "Train and validation": fit_rows(found.around),
        }
    for title, table in more.items():
        if table[1]:
            lines += ["", f"## {title}", "", *markdown_table(*table)]
    return "\n".join(lines) + "\n"


def _samples(found: Alignment) -> str:
    sizes = found.sizes
    shrunk = ", smaller than asked for, as evaluation.alignment.budget.seconds says" if sizes.capped else ""
    return f"At most {sizes.records:,} records per statistic{shrunk}; {sizes.seconds:.0f} counted seconds."


def _together(found: Retention) -> str:
    """Backward transfer and the mean share kept, in a sentence; empty without informative abilities."""
    if found.backward is None or found.mean is None:
        return ""
    return (
        f"Backward transfer, the mean change of informative abilities of vectors: {signed(found.backward)}; they keep "
        f"{found.mean:.3f} on average. The verdict looks at each of them."
    )


def _around(found: Alignment) -> str:
    around = found.around
    if around is None:
        return ""
    notes = {
        "calibration": "<p class=note>Each dot is a bin of as many records; the grey bar is where its accuracy would lie by "
        "chance if confidence were right. export.calibrate puts the temperature into the release.</p>"
        + svg.reliability([(one.confidence, one.accuracy, one.low, one.high) for one in around.reliability]),
        "robustness": svg.forest(
            [(one.name, one.drop.value, *bounds(one.drop)) for one in around.robustness if one.drop is not None],
            0.0,
            *_span([one.drop for one in around.robustness if one.drop is not None]),
        ),
        "behaviour": f"<p class=note>{around.unjudged:,} records ask for a direction, or for a label that is none of the "
        "task's, and are not judged.</p>"
        if around.unjudged
        else "",
        "explanations": _faithful(around),
    }
    parts = [
        ("calibration", calibration_rows(around)),
        ("robustness", robustness_rows(around)),
        ("scope", scope_rows(around)),
        ("slices", slice_rows(around)),
        ("behaviour", behaviour_rows(around)),
        ("overfitting", fit_rows(around)),
        ("explanations", explanation_rows(around, found.labels)),
    ]
    return "".join(
        f'<section id="{name}"><h2>{TITLES[name]}</h2>{html_table(*table)}{notes.get(name, "")}</section>'
        for name, table in parts
        if table[1]
    )


def _span(found: Sequence[Estimate]) -> tuple[float, float]:
    """Ends of an axis that holds all intervals and 0."""
    ends = [0.0, *(end for one in found for end in bounds(one))]
    room = 0.05 * (max(ends) - min(ends)) or 0.05
    return min(ends) - room, max(ends) + room


def _faithful(around: Surroundings) -> str:
    """How much more the words that explanations name matter than others, on average."""
    made = around.explanations
    if not made:
        return ""
    named, other = (sum(getattr(one, name) for one in made) / len(made) for name in ("comprehensiveness", "by_chance"))
    return (
        f"<p class=note>Faithfulness, n = {len(made)}: the decision loses {named:.2f} of its probability without the fifth of "
        f"the words that are named, {other:.2f} without as many others.</p>"
    )


def _task(found: Alignment) -> str:
    task, words = found.task, found.words
    if task is None:
        return f'<section id="task"><h2>{TITLES["task"]}</h2><p class=note>{NOT_ASKED}</p></section>'
    usual = "" if words.general is None else f" ({words.general:.2f} in general text)"
    chart = svg.curves([("probe", task.layers)], "layer", 0, 1)
    poolings = ", ".join(f"{name} {value:.3f}" for name, value in task.poolings.items())
    return (
        f'<section id="task"><h2>{TITLES["task"]}</h2>{html_table(*task_rows(task))}'
        f"<p class=note>Validation accuracy of a linear probe on each layer of the base model (0 is the embeddings), "
        f"fitted on {task.records:,} train records. By pooling of the last layer: {poolings}; the head pools by "
        f"{task.pooling}. The tokenizer breaks a word of train into {words.task:.2f} pieces{usual}, and "
        f"{words.foreign:.1%} of them into three or more.</p>"
        f"{chart}</section>"
    )


def _shift(found: Alignment, limits: Thresholds) -> str:
    rows = [
        (f"{split}: AUC", one.normalised.auc, one.normalised.low, one.normalised.high)
        for split, one in found.shifts.items()
    ]
    ratios = [
        (f"{split}: distance ratio", one.distance_ratio.value, *bounds(one.distance_ratio))
        for split, one in found.shifts.items()
    ]
    highest = max((row[3] for row in ratios), default=1.2)
    foreign = "".join(
        f"<h3>Records of {escape(split)} that look most foreign</h3><ol>"
        + "".join(
            f"<li>{escape(found.texts[split][row])} <span class=note>({far:.2f} times)</span></li>"
            for row, far in one.foreign
        )
        + "</ol>"
        for split, one in found.shifts.items()
        if split not in {"validation", "test"}
    )
    return (
        f'<section id="shift"><h2>{TITLES["shift"]}</h2>{html_table(*shift_rows(found))}{html_table(*content_rows(found))}'
        f"{svg.forest(rows, limits.separation, 0.4, 1.0)}{svg.forest(ratios, limits.distance_ratio, 0.8, max(1.4, highest))}"
        f"{foreign}</section>"
    )


def _retention(found: Alignment, limits: Thresholds) -> str:
    rows = [
        (one.ability, one.retained.value, *bounds(one.retained))
        for one in found.retention.readings
        if one.retained is not None
    ]
    chart = svg.forest(rows, limits.retention, 0.0, 1.2) if rows else ""
    probes = "".join(
        f"<p class=note>{escape(name)}: share that a probe refitted on each layer gets right (2 folds).</p>"
        f"{svg.curves([('base', before), ('tuned', after)], 'layer', 0, 1)}"
        for name, (before, after) in found.retention.by_layer.items()
    )
    way = ""
    if found.way:
        way = (
            "<p class=note>Task and the ability that kept least, with encoder weights mixed from base (0) to tuned (1) "
            f"(WiSE-FT):</p>{html_table(*way_rows(found))}"
            f"{svg.trade([(f'{one.share:g}', one.ability.value, one.accuracy.value) for one in found.way], 'ability', 'task')}"
        )
    together = f"<p>{_together(found.retention)}</p>"
    language = ""
    if (said := found.retention.language) is not None:
        table = [[name, f"{said.perplexity[name]:.1f}", f"{said.bits_per_byte[name]:.3f}"] for name in said.perplexity]
        language = (
            f"<p class=note>The base model's own output layer on {said.sentences} general sentences ({said.kind}):</p>"
            f"{html_table(('body', 'perplexity per token', 'bits per byte'), table)}"
        )
    return (
        f'<section id="retention"><h2>{TITLES["retention"]}</h2>{html_table(*retention_rows(found))}'
        f"{chart}{together}{language}"
        f"<p class=note>Likeness of base and tuned model by layer (debiased linear CKA on {found.retention.texts:,} sentences; "
        f"1 is the same up to rotation).</p>{svg.curves([('CKA', found.retention.cka)], 'layer', 0, 1)}{probes}{way}</section>"
    )


def _definitions(limits: Thresholds) -> str:
    thresholds = (
        f"gain above {limits.pretraining_gain:g}, AUC below {limits.separation:g}, ratio below {limits.distance_ratio:g}, "
        f"retained at least {limits.retention:g}, by interval, or below them by value where the two-sample test finds nothing; "
        "see evaluation.alignment.thresholds."
    )
    items = "".join(
        f"<dt><b>{name}</b></dt><dd>{escape(text)}</dd>" for name, text in {**WORDS, "thresholds": thresholds}.items()
    )
    return f'<section id="definitions"><h2>What the words mean</h2><dl>{items}</dl></section>'
