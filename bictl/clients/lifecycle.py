"""A bucket's lifecycle rules, as far as they delete what bictl writes.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """A rule that deletes the objects under `prefix` that are larger than `above` and smaller than
    `below` bytes: `days` after they were written, or every one from `at` on."""

    name: str
    prefix: str = ""
    days: int | None = None
    at: datetime | None = None
    above: int = -1
    below: int | None = None

    def covers(self, key: str, size: int) -> bool:
        """Whether it deletes an object of that name and size one day."""
        within = self.above < size and (self.below is None or size < self.below)
        return within and key.startswith(self.prefix)

    def touches(self, prefix: str) -> bool:
        """Whether it deletes any object under the prefix."""
        return prefix.startswith(self.prefix) or self.prefix.startswith(prefix)

    def age(self, now: datetime) -> int | None:
        """After how many days it deletes; None while its date has not come."""
        if self.at is not None:
            return 0 if self.at <= now else None
        return self.days

    @property
    def words(self) -> str:
        """`rule raw (90 days)`."""
        when = f"{self.days} days" if self.at is None else f"on {self.at:%Y-%m-%d}"
        return f"rule {self.name} ({when})"


def parse_rules(rules: Iterable[Mapping[str, Any]]) -> list[Expiry]:
    """The enabled rules that delete current objects. A rule about tags covers none of bictl's."""
    found = []
    for number, rule in enumerate(rules, 1):
        expiration = rule.get("Expiration", {})
        when = {"days": expiration.get("Days"), "at": expiration.get("Date")}
        plain = rule.get("Filter") or {}
        narrow = {**plain, **plain.get("And", {})}
        if rule.get("Status") != "Enabled" or not any(when.values()) or _is_tagged(narrow):
            continue
        found.append(
            Expiry(
                name=str(rule.get("ID") or number),
                prefix=str(narrow.get("Prefix") or rule.get("Prefix") or ""),
                above=int(narrow.get("ObjectSizeGreaterThan", -1)),
                below=narrow.get("ObjectSizeLessThan"),
                **when,
            )
        )
    return found


def _is_tagged(narrow: Mapping[str, Any]) -> bool:
    return bool(narrow.get("Tag") or narrow.get("Tags"))
