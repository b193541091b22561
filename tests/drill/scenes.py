"""The six scenes. Each plays something through, checks what came of it, and returns its verdict in a line."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stages.gate import registering
from stages.training import checkpoints
from tests.drill import corpus
from tests.drill.workshop import Clone, Workshop

PASS, FAIL, CANNOT, UNSURE = 0, 1, 2, 3
KILLED_AFTER = 40
"""Steps after which the runner of the last scene dies; then twice as many."""


@dataclass(frozen=True)
class Verdict:
    """How a scene went.

    Attributes:
        good: whether it ended as it should.
        said: what happened, with figures.
        output: what commands said that a reader may want to see.
    """

    good: bool
    said: str
    output: tuple[str, ...] = ()


def opening(workshop: Workshop) -> str:
    """The model in use: tuned on data that know only some topics of `repair`. Returns its accuracy."""
    clone = Clone(workshop.folder / "first")
    topics = {label: own[:6] if label == "repair" else own for label, own in corpus.TOPICS.items()}
    corpus.write(clone.corpus, "train", corpus.messages(100, 1, topics))
    corpus.write(clone.corpus, "validation", corpus.messages(60, 2, prefix="v"))
    corpus.write(clone.corpus, "test", corpus.messages(500, 3, prefix="t"))
    clone.repro()
    clone.commit("The first model")
    _ok(clone.publish())
    _ok(clone.gate("register"))
    _ok(clone.gate("promote"))
    return f"{accuracy(clone):.1%}"


def better_data(workshop: Workshop) -> Verdict:
    """(1) Records arrive that know the missing topics."""
    clone = workshop.clone("better-data")
    before = champion(clone)
    corpus.append(clone.corpus, "train", corpus.messages(60, 4, prefix="n"))
    new = _prepared_and_told(clone)
    clone.repro()
    judged = clone.gate("compare", "--baseline", "origin/main", "--champion", "@champion", "--out", "gate.md")
    clone.run("git", "checkout", "-q", "-b", "more-data")
    (clone.folder / "gate.md").unlink(missing_ok=True)
    clone.commit("More data")
    _ok(clone.publish())
    said = [_ok(clone.gate(command)) for command in ("register", "promote")]
    now = champion(clone)
    return Verdict(
        judged.returncode == PASS and now["version"] != before["version"],
        f"better data: gate {_outcome(judged)}; accuracy {_accuracy(before)} → {_accuracy(now)}; "
        f"champion moved from version {before['version']} to {now['version']}",
        (new, *said),
    )


def mislabelled_data(workshop: Workshop) -> Verdict:
    """(2) Somebody labels a fifth of one class wrongly."""
    clone = workshop.clone("mislabelled")
    clone.run("dvc", "pull", "-q")
    before = champion(clone)
    rows, topics = corpus.mislabelled(corpus.read(clone.corpus, "train"), "billing", "delivery", 0.2)
    corpus.write(clone.corpus, "train", rows)
    clone.repro("evaluate")
    judged = clone.gate("compare", "--baseline", "@champion", "--out", "gate.md")
    report = (clone.folder / "gate.md").read_text(encoding="utf-8")
    classes = _section(report, "class")
    worst = next((row for row in classes if "`billing`" in row), "")
    return Verdict(
        judged.returncode == FAIL and bool(worst) and champion(clone) == before,
        f"mislabelled data ({' and '.join(topics)} called delivery): gate {_outcome(judged)}; the report names billing; "
        f"the champion is still version {before['version']}",
        (report.splitlines()[0], *classes),
    )


def idle_change(workshop: Workshop) -> Verdict:
    """(3) A change of params that helps nothing; its branch stays for scene 4."""
    clone = workshop.clone("idle-change")
    clone.run("dvc", "pull", "-q")
    clone.change("training", weight_decay=0.02)
    ran = clone.repro()
    judged = clone.gate("compare", "--baseline", "@champion", "--out", "gate.md")
    report = (clone.folder / "gate.md").read_text(encoding="utf-8")
    (clone.folder / "gate.md").unlink()
    clone.commit("Twice the weight decay")
    row = next((line for line in report.splitlines() if line.startswith("| `margins.accuracy`")), "")
    return Verdict(
        judged.returncode == PASS and "prepare" not in ran and "finetune" in ran,
        f"a change that helps nothing: gate {_outcome(judged)}, non-inferior within 1.5 points, and no more is claimed; "
        f"ran {', '.join(ran)} only",
        (row,),
    )


def race(workshop: Workshop) -> Verdict:
    """(4) Two retrainings, both compared with the same champion, both pass, both want to be it."""
    one, other = Clone(workshop.folder / "idle-change"), workshop.clone("other-seed")
    other.run("dvc", "pull", "-q")
    shared = champion(other)
    other.change("training", seed=7)
    other.repro()
    judged = other.gate("compare", "--baseline", "@champion", "--out", "gate.md")
    (other.folder / "gate.md").unlink(missing_ok=True)
    other.commit("Another seed")
    expected = ("--expected", shared["version"])
    _ok(one.publish())
    _ok(one.gate("register"))
    won = _ok(one.gate("promote", *expected))
    pushed = other.publish()
    _ok(other.gate("register"))
    refused = [other.gate("promote", *expected), other.gate("promote")]
    now = champion(other)
    return Verdict(
        judged.returncode == PASS
        and pushed.returncode != 0
        and all(one.returncode == FAIL for one in refused)
        and now["commit"] == one.run("git", "rev-parse", "HEAD").stdout.strip(),
        f"two retrainings race: both pass the gate against version {shared['version']}, version {now['version']} wins; "
        "git refuses the other's push, and the registry its promotion, naming the winner",
        (won, _complaint(pushed), *(_complaint(one) for one in refused)),
    )


def damaged_remote(workshop: Workshop) -> Verdict:
    """(5) The remote loses an object, then holds a corrupted one."""
    weights = _object(workshop, "models/release", "model.safetensors")
    whole = weights.read_bytes()
    before = champion(Clone(workshop.folder / "first"))

    weights.unlink()
    loser = workshop.clone("lost-object")
    pulled = loser.run("dvc", "pull", check=False)
    lost = loser.gate("register")

    weights.parent.mkdir(exist_ok=True)
    weights.write_bytes(bytes([*whole[:-1], whole[-1] ^ 1]))
    weights.chmod(0o644)
    corrupted = workshop.clone("corrupted-object")
    silent = corrupted.run("dvc", "pull", "-q", check=False)
    refused = corrupted.gate("register")
    verifying = workshop.clone("verifying")
    verifying.run("dvc", "remote", "modify", "--local", "storage", "verify", "true")
    noticed = verifying.run("dvc", "pull", check=False)
    weights.write_bytes(whole)

    mended = workshop.clone("mended")
    mended.run("dvc", "pull", "-q")
    again = mended.gate("register")
    return Verdict(
        pulled.returncode != 0
        and lost.returncode != 0
        and refused.returncode != 0
        and noticed.returncode != 0
        and again.returncode == 0
        and champion(mended) == before,
        f"a damaged remote: the lost object stops `dvc pull`; the corrupted one is {_passed(silent)} by a plain pull, stopped "
        "by one that verifies, and refused by the release's own manifest; nothing was registered, and all is well once mended",
        (_complaint(pulled), _complaint(lost), _complaint(refused), _complaint(noticed)),
    )


def killed_runner(workshop: Workshop) -> Verdict:
    """(6) The runner dies in the middle of finetune, twice; main's own lock says what an undisturbed run ends in."""
    clone = workshop.clone("killed")
    clone.run("dvc", "pull", "-q")
    outs = ("models/finetuned", "reports/training")
    expected = [clone.md5(out) for out in outs]
    # No result depends on when checkpoints are written; this change alone makes finetune run.
    clone.change("training", checkpoint_seconds=0)
    codes = [
        clone.killed_when(functools.partial(_reached, clone, steps), "dvc", "repro", "finetune")
        for steps in (KILLED_AFTER, 2 * KILLED_AFTER)
    ]
    again = clone.run("dvc", "repro", "finetune")
    resumed = re.search(r"resum\w+ .*step (\d+)", again.stdout + again.stderr)
    left = [str(one) for one in (*clone.folder.glob(".checkpoints"), *clone.folder.rglob("*.partial"))]
    return Verdict(
        all(codes)
        and resumed is not None
        and int(resumed[1]) >= 2 * KILLED_AFTER
        and [clone.md5(out) for out in outs] == expected
        and not left,
        f"the runner is killed, twice: the next repro resumes{f' at step {resumed[1]}' if resumed else ''} and ends with the "
        f"md5 that main's lock holds, {clone.md5('models/finetuned')[:12]}",
        (resumed[0] if resumed else again.stderr[-300:],),
    )


def _reached(clone: Clone, steps: int) -> bool:
    """Whether a complete checkpoint of at least so many steps is there."""
    written = clone.folder.glob(f".checkpoints/finetune/*/{checkpoints.PREFIX}*/{checkpoints.MARKER}")
    return any(int(one.parent.name.removeprefix(checkpoints.PREFIX)) >= steps for one in written)


SCENES = (better_data, mislabelled_data, idle_change, race, damaged_remote, killed_runner)


def accuracy(clone: Clone) -> float:
    """On the test split."""
    metrics = json.loads((clone.folder / "reports/evaluation/metrics.json").read_text(encoding="utf-8"))
    return float(metrics["test"]["accuracy"])


def champion(clone: Clone) -> dict[str, str]:
    """What `python -m stages.gate champion` says; asked in this process, since each command spends seconds on imports."""
    said = io.StringIO()
    with contextlib.chdir(clone.folder), contextlib.redirect_stdout(said):
        code = registering.champion([])
    if code != PASS:
        raise RuntimeError(f"gate champion ended with {code}")
    found: dict[str, str] = json.loads(said.getvalue())
    return found


def _accuracy(found: dict[str, str]) -> str:
    metrics: dict[str, float] = dict(found["metrics"])  # type: ignore[arg-type]
    return f"{metrics['test.accuracy']:.1%}"


def _prepared_and_told(clone: Clone) -> str:
    clone.repro("prepare")
    return _ok(clone.gate("data", "--baseline", "origin/main"))


def _ok(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise RuntimeError(f"{done.args} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return (done.stdout or done.stderr).strip()


def _outcome(done: subprocess.CompletedProcess[str]) -> str:
    return {PASS: "PASS", FAIL: "FAIL", CANNOT: "CANNOT JUDGE", UNSURE: "INCONCLUSIVE"}[done.returncode]


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The line that says what was wrong."""
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(ERROR|gate|!|fatal)[ :]", line)]
    return (telling or lines or ["(nothing)"])[0]


def _passed(done: subprocess.CompletedProcess[str]) -> str:
    return "let through" if done.returncode == 0 else "stopped"


def _section(report: str, word: str) -> list[str]:
    """Rows of the first table under a heading with a word."""
    lines = report.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("#") and word in line.lower():
            table = []
            for row in lines[i + 1 :]:
                if row.startswith("#"):
                    break
                if row.startswith("|"):
                    table.append(row)
            return table
    return []


def _object(workshop: Workshop, out: str, name: str) -> Path:
    """Where the remote keeps a file of an out of main."""
    first = workshop.clone("finder")
    md5 = first.md5(out)
    listing = workshop.remote / "files" / "md5" / md5[:2] / md5[2:]
    (found,) = [one["md5"] for one in json.loads(listing.read_text()) if one["relpath"] == name]
    return workshop.remote / "files" / "md5" / found[:2] / found[2:]
