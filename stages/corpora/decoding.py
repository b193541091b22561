"""Making sure that a text file can be decoded, before anything is made of it.

A file is read once more than needed for that (0.1 s per 100 MB). In return its first wrong byte is named with its
line, a UTF-16 file is recognised instead of being reported as a file with strange columns, and the encodings of older
exports are tried, so that the message shows what the file says in them. Whether a file can be decoded proves little (every
byte is something in latin-1, and Korean is Chinese of a sort); a reading is named alone only where the most frequent
characters of a language are frequent in it.
"""

from __future__ import annotations

import codecs
import re
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
KANA = "".join(map(chr, range(0x3041, 0x30FF)))
HANGUL = "이다는을가에의하고지로도기어리사한은인아나대해요시습니그서자있를과일들만수보여원부주전정상"
SIMPLIFIED = (
    "的一是不了在有我他这个们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都"
    "好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给"
    "名法间知世什两次使身者被高已亲其进此话常与活正感请问吗谢款单"
)
TRADITIONAL = (
    "的一是不了在有我他這個們來到時大地為子中你說生國年著就那和要她出也得裡後自以會家可下而過天去能對小多然於心學麼之都"
    "好看起發當沒成只如事把還用第樣道想作種開美總從無情己面最女但現前些所同日手又行意動方期它頭經長兒回位分愛老因很給"
    "名法間知世什兩次使身者被高已親其進此話常與活正感請問嗎謝款單您"
)
ENCODINGS = {
    "utf-8": "",
    "gb18030": SIMPLIFIED,
    "big5": TRADITIONAL,
    "cp950": TRADITIONAL,
    "cp932": KANA,
    "euc-jp": KANA,
    "euc-kr": HANGUL,
    "cp949": HANGUL,
    "cp1252": "",
    "cp1251": "",
}
"""What older exports come in: Python's name of an encoding to characters that are frequent where it is the right one."""
FREQUENT = 0.15
"""Share of such characters, of all beyond ASCII, from which on a reading is believed; running text has at least twice that."""
MANY = 10
"""Characters beyond ASCII before a fault from which on a file is believed to be UTF-8 but for that fault."""
LOOKED_AT = 20_000
"""Characters of a reading that are counted."""
STRANGE = 0.01
"""Share of characters that nobody has assigned up to which a reading may be the right one."""
_ODD = re.compile("[\ue000-\uf8ff\ufffd\x00]")
BEFORE, BEHIND = 10, 30
"""Characters of a reading that a message shows on either side of the first one beyond ASCII."""


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
        place = offset + error.start
        what = f"byte 0x{error.object[error.start]:02x} at position {place:,} is not {encoding} text"
        advice = f"{_advice(file, place, encoding)} {remedy}"
        raise DataError(report(f"{file}: not {encoding}", [Problem(what, file, line)], advice)) from None
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
        known = ", ".join(ENCODINGS)
        raise DataError(f"data.csv.encoding: Python knows no encoding '{encoding}'. Usual ones are {known}.") from None


def reading(sample: bytes, encoding: str) -> str:
    """What bytes say in other encodings, as a sentence.

    Args:
        sample: beginning with a character; the last one may be cut.
        encoding: which they are not in, by Python's name of it.
    """
    found: dict[str, str] = {}
    for name in ENCODINGS:
        text = _read_as(sample, name) if codecs.lookup(name).name != codecs.lookup(encoding).name else None
        if text is not None and text not in found.values():
            found[name] = text
    if "utf-8" in found:
        return f"It reads as utf-8: {_shown(found['utf-8'])}."

    def worth(name: str) -> tuple[bool, bool, float]:
        share = _frequent(found[name], name)
        return share >= FREQUENT, not _ODD.search(found[name]), share

    best = max(found, key=worth, default=None)
    if best is None:
        return f"None of {', '.join(ENCODINGS)} decodes it: the file may be damaged, or no text."
    if _frequent(found[best], best) >= FREQUENT:
        return f"It reads as {best}: {_shown(found[best])}."
    shown = ", ".join(f"as {name} {_shown(text)}" for name, text in found.items())
    return f"It reads {shown}; the right one says something to you (latin-1 decodes any bytes, and proves nothing)."


def _advice(file: Path, place: int, encoding: str) -> str:
    """What a file is, by what stands around its first byte that is not in its encoding."""
    with file.open("rb") as stream:
        begin = max(0, place - STEP)
        stream.seek(begin)
        before = stream.read(place - begin)
        sample = before[before.rfind(b"\n") + 1 :] + stream.read(STEP)
    # By chance hardly any text of another encoding is UTF-8 for long.
    if (
        codecs.lookup(encoding).name == "utf-8"
        and sum(not one.isascii() for one in before.decode("utf-8", "ignore")) >= MANY
    ):
        return "What stands before it is utf-8: the file is damaged there, or put together of several."
    return reading(sample, encoding)


def _read_as(sample: bytes, encoding: str) -> str | None:
    """Bytes as text, but for a last character that is cut; None where they are none, or characters that nobody has assigned."""
    _decoder(encoding)
    text = sample.decode(encoding, "replace").rstrip("\ufffd")
    if text.isascii() != sample.isascii():
        return None
    odd = len(_ODD.findall(text))
    # An old export has a sign or a name that its encoding lacks, and a damaged row; running text around them is telling.
    few = odd <= 1 + STRANGE * sum(not char.isascii() for char in text)
    return text if not odd or (few and _frequent(text, encoding) >= FREQUENT) else None


def _frequent(text: str, encoding: str) -> float:
    """Share of characters that are frequent where an encoding is the right one, of those beyond ASCII."""
    beyond = [char for char in text[:LOOKED_AT] if not char.isascii()]
    return sum(char in ENCODINGS[encoding] for char in beyond) / max(1, len(beyond))


def _shown(text: str) -> str:
    """The part of the line where a text leaves ASCII."""
    first = next((i for i, char in enumerate(text) if not char.isascii()), 0)
    line, end = text.rfind("\n", 0, first) + 1, text.find("\n", first)
    part = text[max(line, first - BEFORE) : min(first + BEHIND, len(text) if end < 0 else end)]
    return repr(part.strip())
