"""A moment as a person writes it: an age, a date, a time."""

import re
from datetime import UTC, datetime, timedelta

from bictl.errors import UsageError

_AGE = re.compile(r"(\d{1,9}) ?(s|min|h|d|w)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str, *, option: str, now: datetime | None = None) -> datetime:
    """`30min`, `12h`, `90d`, `2w` ago; or an ISO date or time, which is UTC by itself."""
    try:
        if age := _AGE.fullmatch(text.strip()):
            ago = timedelta(seconds=int(age[1]) * _SECONDS[age[2]])
            return (now or datetime.now(UTC)) - ago
        found = datetime.fromisoformat(text.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text!r} is neither an age nor a time",
            hint="write 30min, 12h, 90d, 2w; or 2026-08-01, or 2026-08-01T12:00Z",
        ) from None
