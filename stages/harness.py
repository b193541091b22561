"""What every stage does around its own work: check params, record, and turn a user's mistake into one message.

Stage modules call `main` and only wire. A stage dies with the process that started it (Linux), so that a killed
``dvc repro`` and its successor never write at the same time.

A stage that can run as several processes is started by what `WHETSTONE_LAUNCH` says (``torchrun --nproc-per-node 4``, for
example). It is an environment variable and no param, since the machine that a stage runs on must not invalidate `dvc.lock`.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import gc
import logging
import os
import platform
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from stages import COLLECTION, tracking
from stages.errors import ParamsError, UserError
from stages.params import whole
from stages.params.loading import FILE
from stages.params.section import Section

S = TypeVar("S", bound=Section)
PR_SET_PDEATHSIG = 1
LAUNCH = "WHETSTONE_LAUNCH"
"""Environment variable with the words that start a stage as several processes."""
REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Free some room, and run again."),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "Give yourself the right to read and write there, and run again."),
    errno.EROFS: "The file system is read-only: run where it can be written.",
    errno.ENOTDIR: "A file stands where a folder has to be: move it away.",
}
"""What a user can do about errors of the operating system; others are defects."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """What a stage's function gets: its params and the record of its run."""

    name: str
    sections: dict[str, Section]
    record: tracking.Record

    def params(self, section: type[S]) -> S:
        """The section of `params.yaml` of that type; only those that the stage named are there."""
        return cast("S", self.sections[section.section])


def main(
    name: str, work: Callable[[Stage], None], sections: Sequence[type[Section]], *, launchable: bool = False
) -> None:
    """Run a stage and exit: 0 when done, 2 after one message when the user can mend what is wrong.

    Args:
        name: of the stage.
        work: its own work.
        sections: the params that it reads.
        launchable: whether it can run as several processes; see `LAUNCH`.
    """
    gc.set_threshold(*COLLECTION)
    # The end of the process frees all memory; to look for garbage in it before takes a second.
    atexit.register(gc.freeze)
    _die_with_parent()
    first = int(os.environ.get("RANK", "0")) == 0
    logging.basicConfig(level=logging.INFO if first else logging.ERROR, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "mlflow", "alembic", "torch.onnx", "onnxscript", "onnx_ir", "transformers"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        everything = whole.check(FILE)
        if launchable:
            _launch(name)
        chosen = {section.section: everything[section.section] for section in sections}
        settings = cast("tracking.TrackingParams", everything["tracking"])
        if not first:
            settings = settings.model_copy(update={"enabled": False})
        with tracking.stage_run(name, chosen, settings) as record:
            work(Stage(name, chosen, record))
    except Exception as error:
        mistake = error if isinstance(error, UserError) else _environment(error)
        if mistake is None:
            raise
        # What users get wrong is the same for all processes of a machine; what a machine lacks need not be.
        own = int(os.environ.get("LOCAL_RANK", "0")) == 0 or mistake is not error
        if first:
            log.error("%s: %s", name, mistake)
        elif own:
            log.error("%s on %s, process %s: %s", name, platform.node(), os.environ["RANK"], mistake)
        sys.exit(mistake.exit_code)


def _environment(error: Exception) -> UserError | None:
    """What a failure of the machine means to a user; None where it is no such failure, but a defect."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        said = str(error).split(". ")[0]
        return UserError(
            f"{said}. Halve training.batch_size (or batch_tokens) and double training.accumulation, set "
            "training.gradient_checkpointing: true, or lower text.max_length; in evaluate and export, lower eval_batch_size."
        )
    number = error.errno if isinstance(error, OSError) else None
    # What safetensors and tokenizers, which are no Python, make of an error of the operating system.
    told = re.search(r"\bos error (\d+)", str(error))
    remedy = REMEDIES.get(number or int(told[1] if told else 0))
    return None if remedy is None else UserError(f"{error}. {remedy}")


def _launch(name: str) -> None:
    """Become the launcher that the environment names, which starts this stage again as often as it is told to."""
    try:
        words = shlex.split(os.environ.get(LAUNCH, ""))
    except ValueError as error:
        raise ParamsError(f"{LAUNCH}: {error}. It is read as a shell would: close every quote, or unset it.") from None
    if not words:
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    program = shutil.which(words[0], path=path)
    if program is None:
        raise ParamsError(
            f"{LAUNCH}: {words[0]} was not found. Name a program such as torchrun, or unset the variable."
        )
    inherited = {key: value for key, value in os.environ.items() if key != LAUNCH}
    inherited[tracking.SESSION] = tracking.session_key()
    os.execve(program, [program, *words[1:], "-m", f"stages.{name}"], inherited)  # noqa: S606 - a list of words


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; other systems have no such call."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Of a process that was put into a container from outside (docker exec, kubectl exec) the parent is 0: not to be seen here.
    if os.getppid() != parent or (parent and not Path(f"/proc/{parent}").exists()):
        os.kill(os.getpid(), signal.SIGKILL)
