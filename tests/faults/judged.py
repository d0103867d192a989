"""Whether a verdict tells the truth about a fault."""

from catalogue import Truth

_RED = {"fail": ("fail",), "loss": ("fail",), "unknown": ("unknown",), "warn": ("warn",)}


def wrong(verdict: dict) -> dict[str, str]:
    """What a verdict does not find well, by check."""
    return {
        check["id"]: f"{check['state']}: {check['message']} -> {check['hint']}"
        for check in verdict["checks"]
        if check["state"] != "ok"
    }


def is_seen(verdict: dict, truth: Truth) -> bool:
    """Whether the verdict has the state that the fault has to give it."""
    if truth.state == "loss":
        return verdict["state"] == "fail" and verdict["exit_code"] == 6
    return verdict["state"] == truth.state and (truth.state == "warn") == (
        verdict["exit_code"] == 0
    )


def naming(verdict: dict, truth: Truth) -> list[str]:
    """The checks that name exactly what was damaged, and nothing else beside it."""
    return [
        check["id"]
        for check in verdict["checks"]
        if check["id"] in truth.by and check["state"] in _RED[truth.state] and _names(check, truth)
    ]


def _names(check: dict, truth: Truth) -> bool:
    sides = (check["missing"], check["extra"])
    ranges = {(r["partition"], r["first"], r["next"]) for side in sides for r in side["ranges"]}
    if truth.ranges and not any(_covers(side, truth) for side in (*sides, _both(sides, ranges))):
        return False
    if truth.keys and not any(sorted(side["keys"]) == sorted(truth.keys) for side in sides):
        return False
    return truth.said in check["message"]


def _covers(side: dict, truth: Truth) -> bool:
    named = {(r["partition"], r["first"], r["next"]) for r in side["ranges"]}
    return named == set(truth.ranges) and side["count"] >= len(truth.ranges)


def _both(sides: tuple, ranges: set) -> dict:
    """A check that misses at one place and finds too much at another one."""
    spans = [dict(zip(("partition", "first", "next"), span, strict=True)) for span in ranges]
    return {"ranges": spans, "count": sum(side["count"] for side in sides)}


def hints(verdict: dict) -> str:
    """Every command that the verdict gives."""
    said = [check["hint"] for check in verdict["checks"] if check["state"] != "ok"]
    said += [item["hint"] for item in verdict["boundaries"]]
    return "\n".join(said)
