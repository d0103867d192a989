"""The settings as frozen values: a section is a dataclass, a key is a field.

A field of type Secret also takes `<key>_file` and `<key>_command`.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from bictl.errors import ConfigError, NotFound, nearest
from bictl.settings.redact import redact
from bictl.settings.secret import NO_SECRET, Secret

TOPIC_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")  # Kafka's own rule
KEY_PREFIX = re.compile(r"(?:(?!\.{1,2}/)[A-Za-z0-9._-]+/)+")
SQL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PLAIN = "use letters, digits and '_', at most 63, the first no digit"
_SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%\w]+\])(?::[0-9]{1,5})?")
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
KEY_TYPES = ("integer", "bigint", "text")
Names = Annotated[tuple[str, ...], "a text is a list of one"]
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True, kw_only=True)
class Kafka:
    """`[kafka]`. `end_offsets` says how the end of a partition is learned: `list` asks the broker
    (ListOffsets), `fetch` reads on until nothing comes (for brokers whose answer is too low)."""

    bootstrap_servers: str = "localhost:9092"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: Secret = NO_SECRET
    ssl_cafile: str = ""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""
    group: str = "bictl"
    end_offsets: str = "list"

    def __post_init__(self) -> None:
        _one_of("kafka", self, "security_protocol", PROTOCOLS)
        _one_of("kafka", self, "sasl_mechanism", ("", *MECHANISMS))
        _one_of("kafka", self, "end_offsets", ("list", "fetch"))
        for server in self.bootstrap_servers.split(","):
            if not _SERVER.fullmatch(server.strip()):
                raise ConfigError(
                    f"[kafka] bootstrap_servers: {redact(server.strip())!r} is not host:port",
                    hint='write it as bootstrap_servers = "localhost:9092", several with commas',
                )


@dataclass(frozen=True, kw_only=True)
class Connect:
    """`[connect]`. Without a url, source and connector are out of scope. Without a connectors_dir
    the shipped connector files are used."""

    url: str = ""
    username: str = ""
    password: Secret = NO_SECRET
    ca_file: str = ""
    connector: str = "sqlserver-product-connector"
    connectors_dir: str = ""

    def __post_init__(self) -> None:
        if not self.url:
            return
        if not _is_address(self.url):
            raise ConfigError(
                f"[connect] url {redact(self.url)!r} is not an address",
                hint='write it as url = "http://localhost:8083"',
            )
        if urlsplit(self.url).username is not None:
            raise ConfigError(
                "[connect] url holds a user name",
                hint="give [connect] username and password_file instead: a url is shown and logged",
            )


@dataclass(frozen=True, kw_only=True)
class SqlServer:
    """`[sqlserver]`. For `bictl cdc check`; without a host the source itself is out of scope.

    `trust_certificate` takes any certificate; else it is verified by `ca_file` (PEM), or by this
    machine's authorities.
    """

    host: str = ""
    port: int = 1433
    database: str = "ConcordDb"
    user: str = ""
    password: Secret = NO_SECRET
    encrypt: bool = True
    trust_certificate: bool = False
    ca_file: str = ""

    def __post_init__(self) -> None:
        _within("sqlserver", self, "port", 1, 65535)
        if self.host and not _HOST.fullmatch(self.host):
            raise ConfigError(
                f"[sqlserver] host {redact(self.host)!r} is not the name of a host",
                hint='write it as host = "localhost", and the port as port = 1433',
            )
        if not self.encrypt and self.host not in ("", "localhost", "127.0.0.1", "::1"):
            raise ConfigError(
                f"[sqlserver] encrypt = false would send the password to {self.host} in clear",
                hint="leave encrypt on; trust_certificate = true takes a self-signed certificate",
            )


@dataclass(frozen=True, kw_only=True)
class S3:
    """`[s3]`. Without keys the AWS credential chain applies."""

    endpoint_url: str = "http://localhost:9000"
    region: str = "us-east-1"
    bucket: str = "cord-raw"
    access_key_id: str = ""
    secret_access_key: Secret = NO_SECRET
    ca_file: str = ""

    def __post_init__(self) -> None:
        if self.endpoint_url and not _is_address(self.endpoint_url):
            raise ConfigError(
                f"[s3] endpoint_url {redact(self.endpoint_url)!r} is not an address",
                hint='write it as endpoint_url = "http://localhost:9000"; "" is AWS',
            )


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """`[postgres]`. Without a password libpq's passfile applies."""

    host: str = "localhost"
    port: int = 5433
    dbname: str = "analytics"
    user: str = "analytics"
    password: Secret = NO_SECRET
    sslmode: str = ""
    sslrootcert: str = ""

    def __post_init__(self) -> None:
        section = type(self).__name__.lower()
        _within(section, self, "port", 1, 65535)
        _one_of(section, self, "sslmode", ("", *SSL_MODES))


@dataclass(frozen=True, kw_only=True)
class Source(Postgres):
    """`[source]`. A Postgres that Debezium captures, for verify's look at the source; SQL Server
    has [sqlserver]. Without a host it is out of scope; without a dbname it is the one that the
    table's topic names."""

    host: str = ""
    port: int = 5432
    dbname: str = ""
    user: str = ""


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """`[ingest]`. A batch is sealed at whichever limit it meets first; bytes are uncompressed."""

    batch_records: int = 20_000
    batch_bytes: int = 128 * 1024 * 1024

    def __post_init__(self) -> None:
        _within("ingest", self, "batch_records", 1, 10_000_000)
        _within("ingest", self, "batch_bytes", 1, 1 << 29)


@dataclass(frozen=True, kw_only=True)
class Dbt:
    """`[dbt]`. Without a project_dir the shipped project is used."""

    project_dir: str = ""
    target_schema: str = "staging"
    threads: int = 2

    def __post_init__(self) -> None:
        _within("dbt", self, "threads", 1, 256)
        if not SQL_NAME.fullmatch(self.target_schema):
            raise ConfigError(
                f"[dbt] target_schema {self.target_schema!r} is not a plain SQL name",
                hint=_PLAIN,
            )

    @property
    def view_schema(self) -> str:
        """Where dbt puts the staging views: its target schema, then the project's `+schema`."""
        return f"{self.target_schema}_staging"


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """`[embedding]`. Engines: `onnx` (the packaged model, CPU), `sentence-transformers`."""

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    engine: str = "onnx"

    def __post_init__(self) -> None:
        _one_of("embedding", self, "engine", ("onnx", "sentence-transformers"))


@dataclass(frozen=True, kw_only=True)
class Verify:
    """`[verify]`. Seconds. Records younger than `max_lag` may still be in flight. Changes of the
    source that no layer has yet are given `settle` to arrive. A lock may be held for `max_lock`.

    Two promises are judged where they are given, 0 is none: that 95 of 100 records of a day are in
    bronze `max_latency` after their commit, and that each stage succeeds every `run_every`.
    """

    max_lag: int = 300
    settle: int = 30
    max_lock: int = 21_600
    max_latency: int = 0
    run_every: int = 0

    def __post_init__(self) -> None:
        for key in ("max_lag", "max_lock", "max_latency", "run_every"):
            _within("verify", self, key, 0, 365 * 86400)
        _within("verify", self, "settle", 0, 3600)


@dataclass(frozen=True, kw_only=True)
class Table:
    """`[tables.<name>]`: one source table's way through every layer.

    `key` are the source's key columns, `key_types` what each is: integer, bigint or text (integer
    if nothing is said), `id` the staging columns that hold them, in the same order. `embed` are the
    staging columns whose text is embedded. `expire_after_days` says that raw objects are deleted by
    then, where verify cannot read it from the bucket's lifecycle rules; 0 is never.
    """

    name: str
    topic: str
    prefix: str = ""
    bronze: str = ""
    staging: str = ""
    key: tuple[str, ...] = ("ID",)
    key_types: tuple[str, ...] = ()
    id: Names = ()
    embed: tuple[str, ...] = ()
    embeddings: str = ""
    expect_empty: bool = False
    expire_after_days: int = 0

    def __post_init__(self) -> None:
        defaults = {
            "prefix": f"{self.name}/raw/",
            "bronze": f"bronze.{self.name}_cdc",
            "staging": f"stg_{self.name}",
            "key_types": ("integer",) * len(self.key),
            "id": (f"{self.name}_id",) if len(self.key) == 1 else (),
            "embeddings": f"analytics_features.{self.name}_embeddings",
        }
        for key, value in defaults.items():
            if not getattr(self, key):
                object.__setattr__(self, key, value)
        self._check()

    def _check(self) -> None:
        where = f"[tables.{self.name}]"
        if self.expire_after_days < 0:
            raise ConfigError(f"{where} expire_after_days must not be below 0")
        if not TOPIC_NAME.fullmatch(self.topic):
            raise ConfigError(
                f"{where} topic {self.topic!r} is not a legal topic name",
                hint="a topic has letters, digits, '.', '_' and '-' only",
            )
        if not KEY_PREFIX.fullmatch(self.prefix):
            raise ConfigError(
                f"{where} prefix {self.prefix!r} is not a key prefix",
                hint="use letters, digits, '.', '_', '-' between slashes, and end with a slash",
            )
        for key in ("bronze", "embeddings"):
            parts = getattr(self, key).split(".")
            if len(parts) != 2 or not all(SQL_NAME.fullmatch(part) for part in parts):
                raise ConfigError(
                    f"{where} {key} {getattr(self, key)!r} is not schema.table",
                    hint="use plain names, e.g. bronze.product_cdc",
                )
        for key, names in (("staging", (self.staging,)), ("id", self.id), ("embed", self.embed)):
            for name in names:
                if not SQL_NAME.fullmatch(name):
                    raise ConfigError(
                        f"{where} {key} {name!r} is not a plain SQL name", hint=_PLAIN
                    )
        self._check_key(where)

    def _check_key(self, where: str) -> None:
        if not self.key or not all(self.key):
            raise ConfigError(
                f"{where} key names no column", hint='name the source\'s: key = ["ID"]'
            )
        for key in ("key", "id"):
            names = getattr(self, key)
            if twice := [name for name in names if names.count(name) > 1]:
                raise ConfigError(
                    f"{where} {key} names {twice[0]!r} twice", hint="name each column once"
                )
        for key, what in (("key_types", "a type"), ("id", "a staging column")):
            if len(given := getattr(self, key)) != len(self.key):
                example = ", ".join(['"…"'] * len(self.key))
                raise ConfigError(
                    f"{where} {key} has {len(given)} of {len(self.key)}: {what} is needed for each "
                    f"of {', '.join(self.key)}",
                    hint=f"write it as {key} = [{example}]",
                )
        for kind in self.key_types:
            if kind not in KEY_TYPES:
                raise ConfigError(
                    f"{where} key_types {kind!r} is not one of {', '.join(map(repr, KEY_TYPES))}",
                    hint=f"did you mean {nearest(kind, KEY_TYPES)[0]!r}? "
                    "A key that is no whole number is text",
                )


PRODUCT = Table(
    name="product",
    topic="cord.ConcordDb.dbo.Product",
    embed=("name", "vendor_code", "description"),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All sections; `origins` maps `section.key` to where its value came from."""

    kafka: Kafka = field(default_factory=Kafka)
    connect: Connect = field(default_factory=Connect)
    sqlserver: SqlServer = field(default_factory=SqlServer)
    source: Source = field(default_factory=Source)
    s3: S3 = field(default_factory=S3)
    postgres: Postgres = field(default_factory=Postgres)
    ingest: Ingest = field(default_factory=Ingest)
    dbt: Dbt = field(default_factory=Dbt)
    embedding: Embedding = field(default_factory=Embedding)
    verify: Verify = field(default_factory=Verify)
    tables: dict[str, Table] = field(default_factory=lambda: {"product": PRODUCT})
    state_dir: Path = Path("~/.local/state/bictl")
    path: Path | None = None
    profile: str | None = None
    local_stack: bool = False
    origins: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.source.host and self.sqlserver.host:
            raise ConfigError(
                "[source] host and [sqlserver] host are both given: which one is the source?",
                hint="keep [sqlserver] for a SQL Server, [source] for a Postgres",
            )
        for key in ("topic", "prefix", "bronze", "staging", "embeddings"):
            self._refuse_sharing(key)

    def _refuse_sharing(self, key: str) -> None:
        """Two tables in one place would load, close and delete each other's rows."""
        owners: dict[str, str] = {}
        for table in self.tables.values():
            value = getattr(table, key)
            if value in owners:
                raise ConfigError(
                    f"[tables.{owners[value]}] and [tables.{table.name}] have one {key}: {value}",
                    hint=f"give each table a {key} of its own",
                )
            owners[value] = table.name

    def table(self, name: str) -> Table:
        """The table of that name; NotFound lists the configured ones, nearest first."""
        if name not in self.tables:
            raise NotFound("table", name, existing=self.tables, where="in the configuration")
        return self.tables[name]

    def table_of_topic(self, topic: str) -> Table:
        """The table that is fed by `topic`."""
        for table in self.tables.values():
            if table.topic == topic:
                return table
        raise NotFound(
            "topic",
            topic,
            existing=[table.topic for table in self.tables.values()],
            where="in the configuration's tables",
        )


def _is_address(url: str) -> bool:
    """Whether it is http or https with a host, and a port that can be one."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is not a number
        return False


def _one_of(section: str, values: object, key: str, legal: tuple[str, ...]) -> None:
    value = getattr(values, key)
    if value not in legal:
        shown = ", ".join(repr(one) for one in legal if one)
        raise ConfigError(
            f"[{section}] {key} {value!r} is not one of {shown}",
            hint=f"did you mean {nearest(value, filter(None, legal))[0]!r}?",
        )


def _within(section: str, values: object, key: str, least: int, most: int) -> None:
    value = getattr(values, key)
    if not least <= value <= most:
        raise ConfigError(
            f"[{section}] {key} must be from {least} to {most}, got {value}",
            hint="correct it (bictl config show says where it comes from)",
        )
