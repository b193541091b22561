"""Making sure that a text file can be decoded, before anything is made of it.

A file is read once more than needed for that (0.1 s per 100 MB). In return its first wrong byte is named with its
line, and a UTF-16 file is recognised instead of being reported as a file with strange columns.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from stages.errors import DataError, Problem, report

MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",  # before the shorter mark that it begins like
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
STEP = 1 << 20
"""Bytes decoded at once."""


def check(file: Path, encoding: str, remedy: str) -> None:
    """Make sure that a whole file can be decoded.

    Args:
        file: to be read.
        encoding: by Python's name of it.
        remedy: what the user can do when it is another one.

    Raises:
        DataError: the file is missing, empty, unreadable, or not in that encoding, with line and byte of the first
        fault.
    """
    decoder = _decoder(encoding)
    line, offset = 1, 0  # of the first byte that is not decoded yet
    try:
        with file.open("rb") as stream:
            _check_head(file, stream.read(4), encoding, remedy)
            stream.seek(0)
            while block := stream.read(STEP):
                line += decoder.decode(block).count("\n")
                # A character that the block cuts in two is held back and begins the next error.object.
                offset = stream.tell() - len(decoder.getstate()[0])
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        what = f"byte 0x{error.object[error.start]:02x} at position {offset + error.start:,} is not {encoding} text"
        raise DataError(report(f"{file}: not {encoding}", [Problem(what, file, line)], remedy)) from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}). Check the path and its permissions.") from None


def _check_head(file: Path, head: bytes, encoding: str, remedy: str) -> None:
    """Recognise an empty file, and Unicode in wider units than expected.

    Raises:
        DataError: it is one.
    """
    if not head:
        raise DataError(f"{file}: empty (0 bytes). Expected at least one record; was the file written completely?")
    mark = next((name for sign, name in MARKS.items() if head.startswith(sign)), None)
    if mark is None and head.count(0) in {1, 2, 3}:
        mark = "utf-32" if head.count(0) == 3 else "utf-16"  # without a mark: every other byte of Western text is zero
    expected = encoding.lower().replace("_", "-").replace("utf-", "utf")
    if mark is not None and not expected.startswith(mark.replace("-", "")):
        raise DataError(f"{file}: begins like {mark} text, expected {encoding}. {remedy}")


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    try:
        "a".encode(encoding)  # refuses codecs that are no text encodings, such as base64
        return codecs.getincrementaldecoder(encoding)("strict")
    except (LookupError, ValueError):
        raise DataError(f"data.csv.encoding: Python knows no encoding '{encoding}'. Try utf-8 or latin-1.") from None
