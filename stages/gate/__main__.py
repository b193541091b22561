"""`python -m stages.gate [COMMAND]`: compare (the default) says whether the model here may replace that of a revision."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence

from stages.gate.arrivals import data
from stages.gate.comparing import compare
from stages.gate.registering import champion, promote, register, rollback

COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "compare": compare,
    "data": data,
    "register": register,
    "promote": promote,
    "rollback": rollback,
    "champion": champion,
}
log = logging.getLogger("stages.gate")


def main(words: Sequence[str]) -> int:
    """Run one command; words that begin with an option belong to `compare`.

    Whatever breaks is no verdict: it ends with 2, where Python's own exit code would say that the gate said no.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        return _run(words)
    except Exception:
        log.exception("gate: it broke, and nothing was judged")
        return 2


def _run(words: Sequence[str]) -> int:
    if words and not words[0].startswith("-"):
        command = COMMANDS.get(words[0])
        if command is None:
            log.error("gate: expected one of %s, found %s", ", ".join(COMMANDS), words[0])
            return 2
        return command(words[1:])
    return compare(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
