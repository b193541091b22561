"""Play the six scenes and print their verdicts; exit code 1 when one did not end as it should."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.drill import scenes, workshop

CHECKOUT = Path(__file__).resolve().parents[2]


def main(words: list[str]) -> int:
    """Play them."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--show", action="store_true", help="also print what the commands said")
    parser.add_argument("--keep", type=Path, help="an empty folder to play in, which stays")
    chosen = parser.parse_args(words)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with workshop.opened(folder.resolve(), CHECKOUT) as place:
            _say(f"0. the model in use: accuracy {scenes.opening(place)}, version 1, champion", begun)
            outcomes = []
            for number, scene in enumerate(scenes.SCENES, 1):
                verdict = scene(place)
                outcomes.append(verdict.good)
                _say(f"{number}. {'as it should' if verdict.good else 'WRONG'}: {verdict.said}", begun)
                for line in verdict.output if chosen.show or not verdict.good else ():
                    sys.stdout.write("".join(f"      {part}\n" for part in line.splitlines()))
    _say(f"{sum(outcomes)} of {len(outcomes)} scenes ended as they should", begun)
    return 0 if all(outcomes) else 1


def _say(what: str, begun: float) -> None:
    sys.stdout.write(f"[{time.monotonic() - begun:4.0f} s] {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
