"""What a run's result depends on, as one short digest: params, data and code of the stages up to evaluation.

`dvc.yaml` lists every module and file that a stage reads, and tests hold it to that; so the digest of those files and of the
sections of params that the stages read is the run's identity, whatever commit it was started from. A run that is done is not
done again when the commit changes and nothing that matters does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stages.artifacts import sha256, tree_sha256
from stages.params.loading import read_yaml

TARGET = "evaluate"
"""The last stage of a run: nothing is compared of what export writes."""
LENGTH = 10
"""Characters of the digest."""


@dataclass(frozen=True)
class Pipeline:
    """Stages up to `TARGET`.

    Attributes:
        sections: of params that they read.
        inputs: files and folders that they read and none of them writes, with params' names in `${}`.
    """

    sections: tuple[str, ...]
    inputs: tuple[str, ...]

    @classmethod
    def read(cls, file: Path = Path("dvc.yaml")) -> Pipeline:
        """Read the pipeline.

        Raises:
            ParamsError: there is none.
        """
        stages = read_yaml(file)["stages"]
        needed = _needed(stages, TARGET)
        outs = {_path(out) for name in needed for out in stages[name].get("outs", [])}
        deps = {_path(dep) for name in needed for dep in stages[name].get("deps", [])}
        read = {section for name in needed for section in stages[name].get("params", [])}
        return cls(tuple(sorted(read)), tuple(sorted(dep for dep in deps if not _within(dep, outs))))

    def digest(self, params: Mapping[str, Any]) -> str:
        """Of a run with these params."""
        told = {name: params.get(name) for name in self.sections}
        files = {name: _content(filled(name, params)) for name in self.inputs}
        text = json.dumps([told, files], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _needed(stages: Mapping[str, Any], target: str) -> set[str]:
    """A stage and all whose outs it reads."""
    found, waiting = set(), [target]
    while waiting:
        name = waiting.pop()
        found.add(name)
        for dep in map(_path, stages[name].get("deps", [])):
            writers = (one for one in stages if _within(dep, {_path(out) for out in stages[one].get("outs", [])}))
            waiting += [one for one in writers if one not in found]
    return found


def _within(path: str, folders: set[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in folders)


def _path(entry: Any) -> str:
    """An entry of `deps` or `outs`: a path, or a path with options."""
    return str(next(iter(entry)) if isinstance(entry, Mapping) else entry)


def filled(text: str, params: Mapping[str, Any]) -> str:
    """A path with params in place of their names."""

    def value(match: re.Match[str]) -> str:
        found: Any = params
        for part in match[1].split("."):
            found = found[part]
        return str(found)

    return re.sub(r"\$\{([^}]+)\}", value, text)


@cache
def _content(path: str) -> str:
    """Digest of a file or folder; its absence is told apart from any content."""
    place = Path(path)
    if place.is_dir():
        return tree_sha256(place)
    return sha256(place) if place.is_file() else "absent"
