"""Read `params.yaml` and report everything that is wrong with it in one message.

The file is read as YAML 1.2 with ruamel.yaml, the parser that DVC itself uses: under YAML 1.1 (PyYAML) `1e-4` would be
a string and `no` a boolean, and a value set by ``dvc exp run -S`` could mean two things.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.errors import ParamsError, Problem, report
from stages.params.section import Section

FILE = Path("params.yaml")
SECTIONS = (
    "data",
    "task",
    "model",
    "text",
    "adaptation",
    "training",
    "objectives",
    "evaluation",
    "export",
    "tracking",
    "gate",
)
"""Every top-level key that `params.yaml` may hold."""


def read_yaml(file: Path) -> dict[str, Any]:
    """Parse a params file into plain dictionaries.

    Raises:
        ParamsError: the file is missing, is not YAML, or holds something other than a mapping.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ParamsError(f"{file}: not found. Run from the project's root, where {file.name} lies.") from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"{file}: not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ParamsError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ParamsError(f"{file}: expected sections such as 'data:' and 'training:', found {type(content).__name__}.")
    return content


def load(sections: Sequence[type[Section]], file: Path = FILE) -> dict[str, Section]:
    """Validate the named sections of a params file, and the names of all its sections.

    Returns:
        One instance per section, by the section's key.

    Raises:
        ParamsError: with every problem found, each with its dotted path and, for a misspelt key, the nearest name.
    """
    content = read_yaml(file)
    problems = [_unknown(str(key), (), SECTIONS) for key in content if key not in SECTIONS]
    loaded: dict[str, Section] = {}
    for section in sections:
        try:
            given = content.get(section.section)
            loaded[section.section] = section.model_validate({} if given is None else given)
        except ValidationError as error:
            problems += list(_explain(error, section))
    if problems:
        raise invalid(problems, file)
    return loaded


def invalid(problems: Sequence[Problem], file: Path = FILE) -> ParamsError:
    """The error for a params file with these problems."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ParamsError(report(f"{file}: {count}", problems, "Mend the file and run again."))


def _explain(error: ValidationError, section: type[Section]) -> Iterable[Problem]:
    """Turn pydantic's findings into problems with dotted paths that start at the section."""
    for found in error.errors():
        path = (section.section, *(str(part) for part in found["loc"] if not _is_union_branch(part)))
        if found["type"] == "extra_forbidden":
            yield _unknown(path[-1], path[:-1], _keys_at(section, found["loc"][:-1]))
        elif found["type"] == "missing":
            yield Problem("is required", field=".".join(path))
        else:
            message = found["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            value = found["input"]
            shown = "" if isinstance(value, Mapping) else f", found {value!r}"
            yield Problem(message + shown, field=".".join(path))


def _is_union_branch(part: str | int) -> bool:
    """Whether a step of pydantic's path names a branch of a union instead of a key of the file."""
    if not isinstance(part, str):
        return False
    return part in {"str", "int", "float", "bool", "none"} or part.startswith("constrained-") or "[" in part


def _keys_at(section: type[BaseModel], path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The valid keys of the group that a path leads to."""
    group = section
    for part in path:
        field = group.model_fields.get(str(part))
        if field is None:
            continue
        candidates = (field.annotation, *get_args(field.annotation))
        nested = [one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)]
        if nested:
            group = nested[0]
    return tuple(group.model_fields)


def _unknown(key: str, parents: tuple[str, ...], valid: Sequence[str]) -> Problem:
    near = difflib.get_close_matches(key, valid, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"valid keys: {', '.join(sorted(valid))}"
    return Problem(f"unknown key; {hint}", field=".".join((*parents, key)))
