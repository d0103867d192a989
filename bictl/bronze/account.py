"""What a load has come to: the running tally, and the result that its caller gets."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bictl.bronze.batch import DamagedObject
from bictl.bronze.store import Conflict, Stored
from bictl.counted import grouped
from bictl.errors import BatchConflict, StageFailed
from bictl.records import Manifest, Range

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectInfo

_SHOWN = 5  # names in a message
_KEPT = "kept in bronze and in no object, which expired or was lost (bictl verify tells which)"


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What became of the listed objects; counts are records, `bytes` are of the loaded objects.

    `known` objects had been loaded before, `left` were not reached. `foreign` keys under the prefix
    are no batches, `changed` objects had been loaded with other content. `restored` of the loaded
    records had been pruned. `takeover` says what was taken over from other scripts before, with its
    `remarks`, and `unreadable` counts the lines of theirs that are no records.
    """

    table: str
    objects: int = 0
    known: int = 0
    left: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicates: int = 0
    restored: int = 0
    tombstones: int = 0
    bytes: int = 0
    conflicts: tuple[str, ...] = ()
    damaged: tuple[DamagedObject, ...] = ()
    changed: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    takeover: str = ""
    remarks: tuple[str, ...] = ()
    unreadable: int = 0

    def after_takeover(self, summary: str, remarks: Iterable[str], unreadable: int) -> "LoadResult":
        """The same load with what was taken over before it."""
        return replace(self, takeover=summary, remarks=tuple(remarks), unreadable=unreadable)

    @property
    def exit_code(self) -> int:
        """3 when records went to quarantine or old lines are no records, else 0; worse ends are
        errors."""
        return 3 if self.quarantined or self.unreadable else 0

    @property
    def warnings(self) -> list[str]:
        """Sentences for a person."""
        return [
            *self.remarks,
            *(f"{key} had been loaded with other content; loaded again" for key in self.changed),
            *([_look_at(self.table, self.quarantined)] if self.quarantined else []),
            *([f"not batches, ignored: {_some(self.foreign)}"] if self.foreign else []),
            *([f"{_KEPT}: {_some(self.orphans)}"] if self.orphans else []),
        ]

    @property
    def summary(self) -> str:
        """One line for a person."""
        took = [f"took over {self.takeover}"] if self.takeover else []
        if not self.objects and not self.left:
            said = f"nothing to do: {grouped(self.known, 'object')} loaded before"
            return "; ".join([*took, said])
        parts = [f"{grouped(self.loaded, 'record')} from {grouped(self.objects, 'object')}"]
        parts += [f"{self.restored:,} of them pruned before"] if self.restored else []
        parts += [f"{self.quarantined:,} to quarantine"] if self.quarantined else []
        parts += [f"{self.duplicates:,} there already"] if self.duplicates else []
        parts += [f"{grouped(self.left, 'object')} left for the next run"] if self.left else []
        return "; ".join([*took, ", ".join(parts)])

    @property
    def rows(self) -> list[dict[str, object]]:
        """The counts as one row."""
        counts = (
            *("loaded", "quarantined", "duplicates", "restored", "tombstones"),
            *("bytes", "known", "left"),
        )
        return [{name: getattr(self, name) for name in ("table", "objects", *counts)}]

    def raise_failures(self) -> None:
        """Raises BatchConflict, else StageFailed, when something needs a person."""
        if self.conflicts:
            raise BatchConflict(
                f"the same offsets came twice with different content: {_some(self.conflicts)} "
                f"({self.summary})",
                hint="the first content stands in bronze, the other is in bictl.offset_conflict: "
                "compare them; `bictl verify` stays red until the rows there are resolved",
            )
        if self.damaged:
            first = self.damaged[0]
            names = _some([damage.key for damage in self.damaged])
            raise StageFailed(
                f"{grouped(len(self.damaged), 'object')} not loaded: {names}: {first.reason} "
                f"({grouped(self.loaded, 'record')} of the others loaded)",
                hint=first.hint,
            )


@dataclass
class Account:
    """The running tally of one load."""

    manifests: list[Manifest] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    bytes: int = 0
    settled: int = 0
    damaged: list[DamagedObject] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Records taken so far."""
        return sum(one.loaded + one.quarantined + one.duplicates for one in self.stored)

    def add(self, info: "ObjectInfo", manifest: Manifest, stored: Stored) -> None:
        """Takes up what became of one batch."""
        self.settled += 1
        self.manifests.append(manifest)
        if stored.state == "known":
            return
        self.stored.append(stored)
        self.bytes += info.size
        self.changed += [info.key] if stored.changed else []
        self.conflicts += _describe(info.key, manifest, stored.conflicts)

    def damage(self, damaged: DamagedObject) -> None:
        """Takes up an object that cannot be loaded."""
        self.settled += 1
        self.damaged.append(damaged)

    def result(
        self, table: str, *, known: int, todo: int, foreign: list[str], orphans: Iterable[str]
    ) -> LoadResult:
        """The end of the tally; `known` and `todo` count objects."""
        loaded_by_others = self.settled - len(self.stored) - len(self.damaged)
        return LoadResult(
            table=table,
            objects=len(self.stored),
            known=known + loaded_by_others,
            left=todo - self.settled,
            loaded=sum(one.loaded for one in self.stored),
            quarantined=sum(one.quarantined for one in self.stored),
            duplicates=sum(one.duplicates for one in self.stored),
            restored=sum(one.restored for one in self.stored),
            tombstones=sum(one.tombstones for one in self.stored),
            bytes=self.bytes,
            conflicts=tuple(self.conflicts),
            damaged=tuple(self.damaged),
            changed=tuple(self.changed),
            foreign=tuple(foreign),
            orphans=tuple(orphans),
        )


def ranges(partition: int, offsets: Iterable[int]) -> list[Range]:
    """Ascending offsets as the fewest ranges."""
    found: list[Range] = []
    for offset in offsets:
        if found and found[-1].next == offset:
            found[-1] = Range(partition, found[-1].first, offset + 1)
        else:
            found.append(Range(partition, offset, offset + 1))
    return found


def _look_at(table: str, quarantined: int) -> str:
    return (
        f"{grouped(quarantined, 'record')} could not be loaded and {_are(quarantined)} kept whole: "
        f"bictl quarantine list --table {table}"
    )


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _describe(key: str, manifest: Manifest, conflicts: tuple[Conflict, ...]) -> list[str]:
    by_file: dict[str, list[int]] = {}
    for conflict in conflicts:
        by_file.setdefault(conflict.standing_file, []).append(conflict.offset)
    return [
        f"{_some([str(one) for one in ranges(manifest.partition, offsets)])} of {file} and {key}"
        for file, offsets in by_file.items()
    ]


def _some(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"{', '.join(known[:_SHOWN])}{more}"
