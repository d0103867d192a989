"""The bytes of a record as a person reads them: as text where they are text, else as a hexdump."""

WINDOW = 2000  # bytes of text that a terminal is shown
_DUMPED = 512  # bytes of a hexdump
_WIDTH = 16


def as_text(raw: bytes | None) -> str | None:
    """The whole text; None where the bytes are none."""
    try:
        return None if raw is None else raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def excerpt(raw: bytes, at: int | None) -> str:
    """As much as a terminal takes, around byte `at` where something is wrong there."""
    text = as_text(raw)
    if text is None or "\0" in text:
        return hexdump(raw, at)
    first, last = _window(len(raw), at, WINDOW)
    shown = raw[first:last].decode("utf-8", "ignore")
    before = f"… {first} bytes before … " if first else ""
    behind = f" … {len(raw) - last} bytes behind …" if last < len(raw) else ""
    return f"{before}{shown}{behind}"


def hexdump(raw: bytes, at: int | None) -> str:
    """Offset, sixteen bytes in hex, the same as ASCII; `>` marks the line of byte `at`."""
    first, last = _window(len(raw), at, _DUMPED)
    first -= first % _WIDTH
    lines = []
    for start in range(first, last, _WIDTH):
        row = raw[start : start + _WIDTH]
        mark = ">" if at is not None and start <= at < start + _WIDTH else " "
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{mark}{start:08x}  {row.hex(' '):<{3 * _WIDTH}} {shown}")
    if last < len(raw):
        lines.append(f" … {len(raw) - last} bytes behind …")
    return "\n".join(lines)


def _window(size: int, at: int | None, width: int) -> tuple[int, int]:
    first = max(0, min((at or 0) - width // 2, size - width))
    return first, min(size, first + width)
