"""What is said of a file that is not in its encoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.corpora import decoding
from stages.errors import DataError

CHINESE = "好的，我要退款。你们的快递到现在还没有送到，请问是什么原因？"
TRADITIONAL = "您好，請問我的訂單為什麼還沒有到？謝謝您的幫忙。"
JAPANESE = "注文した商品がまだ届いていません。どうなっていますか？"
KOREAN = "주문한 상품이 아직 도착하지 않았습니다."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb18030"),
        ("好的", "gb18030"),
        (TRADITIONAL, "big5"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc-jp"),
        (KOREAN, "euc-kr"),
        (KOREAN + " 똠방각하", "cp949"),
    ],
)
def test_east_asian_text_is_named_with_what_it_says(text: str, encoding: str) -> None:
    said = decoding.reading(f"text,label\n{text},red\n".encode(encoding), "utf-8")
    assert said.startswith(f"It reads as {encoding}: '{text[:10]}")
    assert "latin-1" not in said


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Mon café n'est pas arrivé, où est-il? C'est déjà long.", "cp1252"),
        ("Schöne Grüße aus Köln, die Lieferung fehlt noch", "cp1252"),
        ("Здравствуйте, мой заказ еще не пришел.", "cp1251"),
        ("Привет мама", "cp1251"),
    ],
)
def test_other_text_is_shown_in_all_encodings_that_could_be_it(text: str, encoding: str) -> None:
    said = decoding.reading(text.encode(encoding), "utf-8")
    assert said.startswith("It reads as ")
    assert f"as {encoding} " in said
    assert text[:20] in said
    assert "It reads as gb18030:" not in said
    assert "latin-1 decodes any bytes, and proves nothing" in said


def test_a_sign_that_the_encoding_lacks_does_not_hide_the_right_one() -> None:
    sample = f"text\n{CHINESE}".encode("gb18030") + b"\x80 12\n" + (CHINESE * 3).encode("gb18030")
    assert decoding.reading(sample, "utf-8").startswith("It reads as gb18030: '好的，我要退款")


def test_utf_16_that_lost_its_end_is_not_called_utf_8() -> None:
    assert "It reads as utf-8" not in decoding.reading("text,好的\n".encode("utf-16-le")[:-1], "utf-16-le")


def test_utf_8_is_named_where_params_say_otherwise_and_noise_is_called_noise() -> None:
    assert decoding.reading("text,好".encode(), "gb18030") == "It reads as utf-8: 'text,好'."
    assert "the file may be damaged" in decoding.reading(b"a\x81\x98\x8d\xff\xff b", "utf-8")


def test_a_reading_begins_where_the_fault_is_and_may_end_within_a_character() -> None:
    plain = b"a plain line\n" * 200_000
    Path("far.csv").write_bytes(plain + b"before " + (CHINESE * 40_000).encode("gb18030"))
    with pytest.raises(DataError, match="far.csv:200001: byte 0xba(.|\n)*It reads as gb18030: 'before 好的，我要退款"):
        decoding.check(Path("far.csv"), "utf-8", "Save it.")


def test_utf_8_with_a_damaged_place_is_not_taken_for_another_encoding() -> None:
    Path("cut.csv").write_bytes(f"text\n{CHINESE}\n".encode()[:-3])
    with pytest.raises(DataError, match="What stands before it is utf-8: the file is damaged there") as caught:
        decoding.check(Path("cut.csv"), "utf-8", "Save it.")
    assert "It reads" not in str(caught.value)
