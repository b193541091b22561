"""What each stage imports, read from the source, and `dvc.yaml`'s lists of it.

`python -m tests.architecture.imports --write` (or `make deps`) renews the lists. Modules under `stages.tracking` and
`stages.params.whole` are left out, with what only they reach: no result depends on them.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("prepare", "tokenize", "finetune", "evaluate", "export")
ALLOWED = ("stages.tracking", "stages.params.whole")


def module_file(module: str) -> Path | None:
    """The file of a module of this project; None for any other name."""
    base = ROOT.joinpath(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


def imported_by(file: Path) -> set[str]:
    """Modules of this project that a file imports, at its top or inside functions, type-checking blocks excepted."""
    found: set[str] = set()
    for node in _running(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == "stages" and module_file(name)}


def _running(node: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        found.append(child)
        found.extend(_running(child))
    return found


def files_of(stage: str) -> list[str]:
    """Every file of this project that a stage's result can depend on, as `dvc.yaml` names them."""
    seen: set[str] = set()
    waiting = [f"stages.{stage}"]
    while waiting:
        module = waiting.pop()
        if module in seen or module.startswith(ALLOWED):
            continue
        seen.add(module)
        parts = module.split(".")
        waiting += [".".join(parts[:i]) for i in range(1, len(parts))]
        file = module_file(module)
        assert file is not None, module
        waiting += imported_by(file)
    found = {file.relative_to(ROOT).as_posix() for module in seen if (file := module_file(module))}
    return sorted(name for name in found if (ROOT / name).stat().st_size)


def listed_for(stage: str) -> list[str]:
    """The modules that `dvc.yaml` lists for a stage."""
    content = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    return [dep for dep in content["stages"][stage]["deps"] if dep.startswith("stages/")]


def write() -> None:
    """Renew the lists in `dvc.yaml`."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 200, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    file = ROOT / "dvc.yaml"
    content = yaml.load(file.read_text(encoding="utf-8"))
    for stage in STAGES:
        deps = content["stages"][stage]["deps"]
        others = [dep for dep in deps if not dep.startswith("stages/")]
        deps[:] = [*others, *files_of(stage)]
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)


if __name__ == "__main__" and "--write" in sys.argv:
    write()
