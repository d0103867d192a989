"""Where a table's vectors are, and which of its columns say what."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.clients.key_parts import each, identity
from bictl.errors import ConfigError
from bictl.settings import Table

if TYPE_CHECKING:
    from bictl.clients.database import Part

# Part of every content hash: another number when the rule of sql/embeddings/work.sql changes.
TEXT_RULE = "1\x1f"
_OURS = (
    "embedding",
    "content_hash",
    "vector_hash",
    "model",
    "embedded_at",
    "code_norm",
    "tsv",
)


@dataclass(frozen=True)
class Layout:
    """The names that the SQL files of embed and search need for one table.

    The first embedded column is the row's name. A column called `code`, or ending in `_code`, is an
    exact code: search finds it however it is punctuated.
    """

    table: Table
    staging_schema: str

    def __post_init__(self) -> None:
        if not self.table.embed:
            raise ConfigError(
                f"[tables.{self.table.name}] embeds no column",
                hint='add embed = ["<a text column of the staging model>", …]',
            )
        if taken := [name for name in self.table.id if name in _OURS]:
            raise ConfigError(
                f"[tables.{self.table.name}] id {taken[0]!r} is what the vectors' table calls a "
                "column of its own",
                hint="give the column another name in the staging model",
            )

    @property
    def code(self) -> str | None:
        """The staging column that holds an exact code, if there is one."""
        codes = (one for one in self.table.embed if one == "code" or one.endswith("_code"))
        return next(codes, None)

    @property
    def staging(self) -> str:
        """The staging view, `schema.view`."""
        return f"{self.staging_schema}.{self.table.staging}"

    @property
    def index(self) -> str:
        """The name of the HNSW index, without the schema."""
        return f"{self._bare}_hnsw"

    @property
    def names(self) -> "dict[str, Part]":
        """The parts of the SQL files' texts."""
        return {
            "schema": self.table.embeddings.split(".")[0],
            "table": self.table.embeddings,
            "staging": self.staging,
            "texts": self.table.embed,
            "label_source": self.table.embed[0],
            "label": self._label,
            "code_source": self.code,
            "code": self._code,
            **self._key,
            "words_index": f"{self._bare}_tsv",
            "code_index": f"{self._bare}_code",
        }

    @property
    def columns(self) -> list[str]:
        """The columns of the table of vectors."""
        return [*self.table.id, self._label, self._code, *_OURS]

    @property
    def _key(self) -> "dict[str, Part]":
        """The key's columns in staging and in the table, and as id_1, id_2 … between the two."""
        names = self.table.id
        return {
            "id": names,
            "columns": each("s.{name} as id_{number}", names),
            "places": each("id_{number}", names),
            "of_source": each("s.id_{number}", names),
            "either": each("coalesce(s.id_{number}, e.{name}) as id_{number}", names),
            "same": each("e.{name} = s.id_{number}", names, between=" and "),
            "no_vector": each("e.{name} is null", names[:1]),
            "in_text": identity("id_{number}::text", names),
        }

    @property
    def _label(self) -> str:
        """The table's column for the row's name."""
        return self._free(self.table.embed[0], "name", "row_name")

    @property
    def _code(self) -> str:
        """The table's column for the exact code."""
        return self._free(self.code or "code", "code", "row_code", but=self._label)

    def _free(self, *names: str, but: str = "") -> str:
        """The first name that no other column of the table has."""
        return next(name for name in names if name not in {*_OURS, *self.table.id, but})

    @property
    def _bare(self) -> str:
        """Short enough that Postgres's 63 bytes hold an ending too."""
        return self.table.embeddings.split(".")[1][:55]
