"""Where a table's vectors are, and which of its columns say what."""

from dataclasses import dataclass

from bictl.errors import ConfigError
from bictl.settings import Table

# Part of every content hash: another number when the rule of sql/embeddings/work.sql changes.
TEXT_RULE = "1\x1f"
_OURS = ("embedding", "content_hash", "model", "embedded_at", "code_norm", "tsv")


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
    def names(self) -> dict[str, str | tuple[str, ...] | None]:
        """The parts of the SQL files' texts."""
        label = self.table.embed[0]
        return {
            "schema": self.table.embeddings.split(".")[0],
            "table": self.table.embeddings,
            "staging": self.staging,
            "id": self.table.id,
            "texts": self.table.embed,
            "label_source": label,
            "label": "name" if label in _OURS else label,
            "code_source": self.code,
            "code": self.code if self.code and self.code != label else "code",
            "words_index": f"{self._bare}_tsv",
            "code_index": f"{self._bare}_code",
        }

    @property
    def columns(self) -> list[str]:
        """The columns of the table of vectors."""
        names = self.names
        return [*self.table.id, str(names["label"]), str(names["code"]), *_OURS]

    @property
    def _bare(self) -> str:
        """Short enough that Postgres's 63 bytes hold an ending too."""
        return self.table.embeddings.split(".")[1][:55]
