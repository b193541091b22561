"""Whether the files that a sweep's runs read will be there: DVC's queue works in copies of what git and DVC know of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stages.corpora.readers import READERS
from stages.encoding import base_model
from stages.errors import ParamsError, Problem, report
from stages.sweep import git
from stages.sweep.identity import Pipeline, filled
from stages.sweep.plan import Trial

REMEDY = (
    "Runs work in copies of the checkout, with what git and DVC know of: `git add` what is small; for the rest `dvc add`, and "
    "`git add` of the .dvc file."
)


def check(trials: Sequence[Trial], file: Path) -> None:
    """Look for every file and folder that params name, of each row once.

    Args:
        trials: of the sweep.
        file: of the sweep, for messages.

    Raises:
        ParamsError: some are missing, or would be missing in a copy; all of them at once.
        UserError: this is no git repository.
    """
    git.lines("rev-parse", "--git-dir")
    named = [name for name in Pipeline.read().inputs if "${" in name]
    asked: dict[str, str] = {}
    for one in trials:
        for name in named:
            asked.setdefault(filled(name, one.params), one.row)
    problems = [*_files(asked, file), *_models(trials, file)]
    if problems:
        raise ParamsError(report(f"{file}: its runs would not find what they read", problems, REMEDY))


def _files(asked: dict[str, str], file: Path) -> Iterator[Problem]:
    from dvc.repo import Repo

    with Repo() as repo:
        for path, row in asked.items():
            what = None if Path(path).is_absolute() and Path(path).exists() else _missing(Path(path), repo)
            if what is not None:
                yield Problem(f"{path} {what}", file=file, field=f"rows.{row}")


def _models(trials: Sequence[Trial], file: Path) -> Iterator[Problem]:
    """Local base models need not be known: stages look for them in the checkout that a copy was made of."""
    seen: set[str] = set()
    for one in trials:
        base = str((one.params.get("model") or {}).get("base", ""))
        if base not in seen and base_model.is_local(base) and not base_model.place(base).is_dir():
            yield Problem(f"model.base: {base} does not exist", file=file, field=f"rows.{one.row}")
        seen.add(base)


def _missing(path: Path, repo: Any) -> str | None:
    """What a copy would lack of a path; None where it has all of it."""
    if os.path.normpath(path).startswith(".."):
        return "lies outside of the checkout, where no relative path of a copy leads; give the absolute one"
    outs = _outs(path, repo)
    around = [one for one in outs if _within(path, one)]
    if not path.exists():
        return "is not checked out: `dvc checkout`, or `dvc pull`" if around else "does not exist"
    if around:
        described = Path(os.path.relpath(around[0].stage.path))
        return None if git.lines("ls-files", "--", str(described)) else f"is DVC's, and git does not know {described}"
    link = next((one for one in (path, *path.parents) if one.is_symlink()), None)
    if link is not None:
        return None if git.lines("ls-files", "--", str(link)) else f"is behind the link {link}, which git does not know"
    strange = [
        name
        for name in git.lines("-c", "core.quotePath=false", "ls-files", "--others", "--", str(path))
        if (path.is_file() or Path(name).suffix.lower() in READERS)
        and not any(_within(Path(name), one) for one in outs)
    ]
    if strange and path.is_dir():
        return f"holds {strange[0]}, which neither git nor DVC knows"
    known = not strange and (outs or git.lines("ls-files", "--", str(path)))
    return None if known else "is known to neither git nor DVC"


def _outs(path: Path, repo: Any) -> list[Any]:
    """DVC's outs around a path or within it."""
    from dvc.exceptions import OutputNotFoundError

    try:
        found: list[Any] = repo.find_outs_by_path(str(path), recursive=True, strict=False)
    except OutputNotFoundError:
        return []
    return found


def _within(path: Path, out: Any) -> bool:
    """Whether an out holds a path; links are DVC's to follow, and left alone here."""
    return (Path.cwd() / path).is_relative_to(out.fs_path)
