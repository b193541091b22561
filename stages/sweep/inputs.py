"""Whether the files that a sweep's runs read will be there: DVC's queue works in copies of what git and DVC know of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stages.encoding import base_model
from stages.errors import ParamsError, Problem, report
from stages.sweep import git
from stages.sweep.identity import Pipeline, filled
from stages.sweep.plan import Trial

REMEDY = "`git add` what is small, `dvc add` what is not: runs work in copies of the checkout, with what either of them knows."


def check(trials: Sequence[Trial], file: Path) -> None:
    """Look for every file and folder that params name, of each row once.

    Args:
        trials: of the sweep.
        file: of the sweep, for messages.

    Raises:
        ParamsError: some are missing, or would be missing in a copy; all of them at once.
        UserError: this is no git repository.
    """
    named = [name for name in Pipeline.read().inputs if "${" in name]
    asked: dict[str, str] = {}
    for one in trials:
        for name in named:
            asked.setdefault(filled(name, one.params), one.row)
    problems = [*_files(asked, file), *_models(trials, file)]
    if problems:
        raise ParamsError(report(f"{file}: its runs would not find what they read", problems, REMEDY))


def _files(asked: dict[str, str], file: Path) -> Iterator[Problem]:
    for path, row in asked.items():
        if not Path(path).exists():
            yield Problem(f"{path} does not exist", file=file, field=f"rows.{row}")
        elif not Path(path).is_absolute() and not _known(Path(path)):
            yield Problem(f"{path} is known to neither git nor DVC", file=file, field=f"rows.{row}")


def _models(trials: Sequence[Trial], file: Path) -> Iterator[Problem]:
    """Local base models need not be known: stages look for them in the checkout that a copy was made of."""
    seen: set[str] = set()
    for one in trials:
        base = str((one.params.get("model") or {}).get("base", ""))
        if base not in seen and base_model.is_local(base) and not base_model.place(base).is_dir():
            yield Problem(f"model.base: {base} does not exist", file=file, field=f"rows.{one.row}")
        seen.add(base)


def _known(path: Path) -> bool:
    """Whether git tracks something of a path, or DVC the path or a folder that it lies in."""
    if any(Path(f"{one}.dvc").is_file() for one in (path, *path.parents)):
        return True
    return bool(git.lines("ls-files", "--", str(path)))
