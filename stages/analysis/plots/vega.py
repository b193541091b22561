"""`dvc plots diff` as PNGs, for pages that cannot run a browser.

``python -m stages.analysis.plots.vega HEAD~1 --out FOLDER``

DVC fills its Vega-Lite templates with the data of each revision; vl-convert draws them without node or a display.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.errors import UserError

SCALE = 1.5
log = logging.getLogger(__name__)


def render(diff: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw every Vega plot of a diff.

    Args:
        diff: what `dvc plots diff --json` prints.
        folder: where to; made when it is missing.

    Returns:
        The PNG files, in the order of the diff.
    """
    import vl_convert

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, plots in diff.get("data", {}).items():
        for plot in plots:
            if plot["type"] != "vega":
                continue
            content = plot["content"]
            spec = content if isinstance(content, str) else json.dumps(content)
            file = folder / f"{Path(name).with_suffix('').as_posix().replace('/', '-')}.png"
            file.write_bytes(vl_convert.vegalite_to_png(spec, scale=SCALE))
            made.append(file)
    return made


def diff(revisions: Sequence[str]) -> dict[str, Any]:
    """Ask DVC for the plots of some revisions.

    Raises:
        UserError: DVC could not compare them.
    """
    done = subprocess.run(["dvc", "plots", "diff", *revisions, "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"dvc plots diff {' '.join(revisions)} failed: {done.stderr.strip()[-400:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(words: Sequence[str]) -> int:
    """Draw and name the files."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.analysis.plots.vega", description="PNGs of `dvc plots diff`."
    )
    parser.add_argument("revisions", nargs="*", default=["HEAD"], help="as for `dvc plots diff`")
    parser.add_argument("--out", type=Path, default=Path("dvc_plots"))
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        for file in render(diff(chosen.revisions), chosen.out):
            log.info("%s", file)
    except UserError as error:
        log.error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
