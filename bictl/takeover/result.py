"""What a takeover did."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bictl.counted import grouped
from bictl.ingest.old_objects import BadLine, Note, in_words
from bictl.takeover.seal import Different

_KEPT = 100  # bad lines and differences that are named


@dataclass(frozen=True, kw_only=True)
class TakeoverResult:
    """One table's takeover: old objects read, `batches` and `records` sealed by this run.

    `bad` names lines that are no records, `different` old records that say something else than what
    stands at their offsets; the counts are whole, the names a part.
    """

    table: str
    generation: str
    why: str
    objects: int = 0
    rows: bool = False
    batches: int = 0
    records: int = 0
    bad_lines: int = 0
    differing: int = 0
    bad: tuple[tuple[str, BadLine], ...] = ()
    different: tuple[tuple[str, Different], ...] = ()
    interrupted: bool = False

    def with_object(
        self, note: Note, bad: Sequence[BadLine], different: Sequence[Different]
    ) -> "TakeoverResult":
        """The same with one more old object."""
        return replace(
            self,
            objects=self.objects + 1,
            bad_lines=self.bad_lines + len(bad),
            differing=self.differing + len(different),
            bad=(*self.bad, *((note.object, line) for line in bad))[:_KEPT],
            different=(*self.different, *((note.object, one) for one in different))[:_KEPT],
        )

    def with_rows(self, *, whole: bool) -> "TakeoverResult":
        """The same when the rows are sealed too."""
        return replace(self, rows=whole)

    def counted(self, batches: int, records: int, *, interrupted: bool) -> "TakeoverResult":
        """The end of the tally."""
        return replace(self, batches=batches, records=records, interrupted=interrupted)

    @property
    def exit_code(self) -> int:
        """6 where two records claim one offset, 3 where lines are no records."""
        return 6 if self.differing else 3 if self.bad_lines else 0

    @property
    def summary(self) -> str:
        """One line for a person."""
        parts = [grouped(self.objects, "old object")] if self.objects else []
        parts += ["old rows"] if self.rows else []
        return (
            f"{' and '.join(parts) or 'nothing'} into {grouped(self.batches, 'batch')},"
            f" {grouped(self.records, 'record')}, of generation {self.generation} ({self.why})"
        )

    @property
    def warnings(self) -> list[str]:
        """Sentences for a person."""
        said = []
        if self.bad_lines:
            words = in_words(self.bad)
            said.append(f"{self.bad_lines} lines of old objects are no records: {words}")
        if self.differing:
            places = [
                f"{key} line {one.old.line} ({one.place}), where {one.standing} stands"
                for key, one in self.different[:3]
            ]
            said.append(
                f"{self.differing} old records differ from what stands at their offsets; they are"
                f" kept in bictl.offset_conflict: {'; '.join(places)}"
            )
        return said

    @property
    def row(self) -> dict[str, Any]:
        """The counts."""
        names = ("table", "generation", "objects", "batches", "records", "bad_lines", "differing")
        return {name: getattr(self, name) for name in names}
