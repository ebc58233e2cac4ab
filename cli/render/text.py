"""Foreign text made fit for a terminal, and numbers with their nouns.

Names and messages come from manifests and policies, so from anyone: what a
terminal would obey (ANSI sequences, bidirectional overrides) is shown instead.
"""


def printable(text: str) -> str:
    r"""The text on one line, with nothing in it that a terminal interprets.

    Any whitespace becomes a space; other characters that are not printable
    (Unicode categories Other and Separator) are spelled `\x1b`, `\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - the widths of Python's escapes
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def counted(number: int, noun: str) -> str:
    """`1 policy`, `2 policies`, `3 warnings`: a number with its English noun."""
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number} {plural}"
