"""Text from elsewhere, shown but never obeyed by a terminal: CWE-150."""

_MARKS = (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF)  # direction, line ends, byte order
_OBEYED = [
    *range(0x00, 0x20),
    *range(0x7F, 0xA0),  # DEL and the C1 controls
    *_MARKS,
    *range(0x202A, 0x202F),  # embeddings and overrides of direction
    *range(0x2066, 0x206A),  # isolates of direction
    *range(0xD800, 0xE000),  # halves of pairs
]
_NAMED = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
_SHOWN = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _OBEYED} | _NAMED


def inert(text: str) -> str:
    """The text with control characters, escapes and bidi marks as visible escapes."""
    return text.translate(_SHOWN)
