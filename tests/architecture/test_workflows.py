"""The CI files: valid by the hosts' own schemas, pinned, with least permissions, and calling commands that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.gate import __main__ as gate

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
GITLAB = ROOT / ".gitlab-ci.yml"
FILES = [*WORKFLOWS, GITLAB]
REGISTRY = ROOT / "stages" / "tracking" / "registry.py"
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def read(file: Path) -> dict[str, Any]:
    # YAML 1.2: `on` is a word, and no truth value.
    return dict(YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")))


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [(file.name, job) for file in WORKFLOWS for job in read(file)["jobs"].values()]


def commands() -> list[str]:
    """Every shell line of both hosts."""
    found = [step["run"] for _, job in jobs() for step in job["steps"] if "run" in step]
    for job in read(GITLAB).values():
        if isinstance(job, dict):
            script = job.get("script", [])
            found += [script] if isinstance(script, str) else script
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_hosts_own_schema_holds(file: Path) -> None:
    schema = "vendor.gitlab-ci" if file == GITLAB else "vendor.github-workflows"
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_file_does_not_hold(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(WORKFLOWS[0].read_text(encoding="utf-8").replace("runs-on:", "runs-in:"), encoding="utf-8")
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(wrong)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "runs-on" in done.stdout


def test_there_are_the_same_four_on_both_hosts() -> None:
    names = {file.stem for file in WORKFLOWS}
    assert names == {"check", "pipeline", "retrain", "release"}
    assert names <= set(read(GITLAB))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_by_their_whole_hash(file: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in file.read_text(encoding="utf-8").splitlines()]
    uses = [line for line in lines if line.startswith("uses:")]
    assert uses
    for line in uses:
        assert PINNED.search(line), line


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_has_no_permissions_but_its_jobs_name_theirs(file: Path) -> None:
    content = read(file)
    assert content["permissions"] == {}
    assert "concurrency" in content
    for name, job in content["jobs"].items():
        assert job["permissions"], name
        assert "timeout-minutes" in job, name
        writes = {key for key, value in job["permissions"].items() if value == "write"}
        assert writes <= ({"contents", "pull-requests", "statuses"} if file.stem == "retrain" else set())


def test_code_of_a_fork_meets_no_secret() -> None:
    for file in WORKFLOWS:
        content = read(file)
        assert not {"pull_request_target", "workflow_run"} & set(content["on"]), file.name
        for job in content["jobs"].values():
            secret = any("secrets." in str(value) for step in job["steps"] for value in step.values())
            if "pull_request" in content["on"] and secret and file.stem != "pipeline":
                assert "head.repo.full_name == github.repository" in job["if"]
    # GitHub gives a fork's pull request no secrets; the precheck then does not ask the remote.
    assert (
        "head.repo.full_name == github.repository"
        in read(ROOT / ".github/workflows/pipeline.yaml")["jobs"]["precheck"]["env"]["REMOTE"]
    )
    rules = [rule["if"] for rule in read(GITLAB)["retrain"]["rules"] if "merge_request_event" in rule["if"]]
    assert all("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule for rule in rules)


def test_credentials_stay_only_where_something_is_pushed() -> None:
    for name, job in jobs():
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert (step.get("with", {}).get("persist-credentials") is False) == (name != "retrain.yaml")


def test_shell_lines_take_nothing_from_outside_but_by_the_environment() -> None:
    for line in commands():
        assert "${{" not in line, line
        # A name of a branch may hold a command: it stands in quotes.
        for variable in ("BRANCH", "INTO", "REQUEST", "BASELINE", "CHAMPION"):
            assert not re.search(rf'(?<!["{{])\$\{{?{variable}\b(?!:\+)', line), line


def test_nothing_is_committed_but_named_files() -> None:
    shell = [*commands(), (ROOT / "Makefile").read_text(encoding="utf-8")]
    shell.append((ROOT / "stages/gate/publishing.py").read_text(encoding="utf-8"))
    for text in shell:
        assert not re.search(r"add\W+(-A|--all|-u|\.)(\W|$)|commit\W+-a|--force\b|push\W+-f\b", text), text


def test_gate_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = "\n".join([*commands(), makefile])
    named = set(re.findall(r"python -m stages\.gate ([a-z]+)", text))
    assert {"compare", "register", "promote"} <= named
    known = set(gate.COMMANDS) | (set() if REGISTRY.is_file() else {"register", "promote"})
    assert named <= known
    for module in set(re.findall(r"python -m stages\.(gate\.[a-z]+)", text)):
        assert (ROOT / "stages" / f"{module.replace('.', '/')}.py").is_file(), module


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {name for line in commands() for name in re.findall(r"make ([a-z-]+)", line)}
    assert named
    assert named <= targets
