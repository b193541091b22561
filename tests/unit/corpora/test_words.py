"""Words joined as people write them, and cut out of any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpora import words

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TOKEN = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["It", "'s", "here", "."], "It 's here ."),
        (["我", "在", "北京", "。"], "我在北京。"),
        (
            ["他", "用", "Python", "写", "代码"],
            "他 用 Python 写 代码".replace("他 用", "他用").replace("写 代码", "写代码"),
        ),
        (["我", "爱", "i", "P", "a", "d", "！"], "我爱iPad！"),
        (["a", "b", "c"], "a b c"),
        (["東京", "タワー"], "東京タワー"),
        (["서울", "타워"], "서울 타워"),
        (
            [*"我爱北京很好看", "👍🏽", "👩\u200d💻", "🇨🇳", "\ufffd\ufffd", *"http"],
            "我爱北京很好看👍🏽👩\u200d💻🇨🇳\ufffd\ufffdhttp",
        ),
        ([*"我在这里看到的是http:", "p1", *"//t.cn"], "我在这里看到的是http:p1//t.cn"),
        ([*"我今年在这里看到的是他的那个很大的东西", "New", "York"], "我今年在这里看到的是他的那个很大的东西New York"),
        ([*"我今年在这里看到的是他的那个", "iPhone", "5", "吗"], "我今年在这里看到的是他的那个iPhone 5吗"),
        ([*"我买a5", "b5", "c5"], "我买 a 5 b5 c5"),
        ([*"abcdefghij", "北京"], "a b c d e f g h i j 北京"),
        (["ไป", "กรุงเทพ", "OK"], "ไปกรุงเทพ OK"),
        ([], ""),
    ],
)
def test_joining(tokens: list[str], text: str) -> None:
    joined, places = words.join(tokens)
    assert joined == text
    assert [joined[start:end] for start, end in places] == tokens


@given(st.lists(TOKEN, max_size=8))
def test_joined_tokens_stand_where_they_are_said_to(tokens: list[str]) -> None:
    text, places = words.join(tokens)
    assert [text[start:end] for start, end in places] == tokens
    assert len(text) <= sum(map(len, tokens)) + max(len(tokens) - 1, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't go at 2:30pm!", ["Don", "'", "t", "go", "at", "2", ":", "30pm", "!"]),
        ("我爱Python3。", ["我", "爱", "Python3", "。"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("ไปกรุงเทพ", ["ไ", "ป", "ก", "รุ", "ง", "เ", "ท", "พ"]),
        ("ភាសាខ្មែរ ok", ["ភា", "សា", "ខ្", "មែ", "រ", "ok"]),
        ("ﾀﾜｰ", ["ﾀ", "ﾜ", "ｰ"]),
        ("cafe\u0301 café", ["cafe\u0301", "café"]),
        ("👩\u200d💻👍🏽 ok", ["👩\u200d💻", "👍🏽", "ok"]),
        ("a_b @you", ["a", "_", "b", "@", "you"]),
        ("\u3000 \n", []),
    ],
)
def test_cutting(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in words.cut(text)] == expected


@given(TEXT)
def test_between_the_words_of_any_text_are_only_blanks(text: str) -> None:
    rest, at = "", 0
    for start, end in words.cut(text):
        assert at <= start < end
        rest += text[at:start]
        at = end
    assert not (rest + text[at:]).strip()
