"""How far another machine's clock is from this one's."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from bictl.ops.answer import Answer

NOTICED, HARMFUL = 5.0, 300.0  # seconds; verify's default max_lag is the second


def skew(read: Callable[[], datetime], *, resolution: float = 0.0) -> Answer:
    """Compares a clock that `read` asks for; `resolution` is what its answer is rounded by.

    The time that asking takes counts as uncertain.
    """
    before = time.time()
    theirs = read().timestamp()
    after = time.time()
    apart = max(before - theirs - resolution, theirs - after - resolution, 0.0)
    if apart < NOTICED:
        return Answer("ok", f"agrees with this machine's, {_shown(theirs)}")
    direction = "behind" if theirs < before else "ahead of"
    return Answer(
        "fail" if apart >= HARMFUL else "warn",
        f"{apart:.0f} s {direction} this machine's",
        "set both clocks by NTP: lag, retention and signed requests depend on them",
    )


def _shown(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
