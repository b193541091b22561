"""Scripts whose words have no blanks between them, as ranges of characters for regular expressions.

A character of these counts as a word wherever words are counted, cut or joined.
"""

from __future__ import annotations

CHINESE_AND_JAPANESE = (
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
WITHOUT_BLANKS = CHINESE_AND_JAPANESE + (
    "\u0e00-\u0e7f\u0e80-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17ff"  # Khmer
)
"""All of them; in these scripts vowel signs and tones are marks, which belong to the character before them."""
