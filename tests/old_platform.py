"""A platform as scripts build it: what bictl finds when it comes later.

The scripts poll a topic for a while and write an object, load it row by row, embed row by row.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import closing

import psycopg2

from bictl.clients import Clients
from bictl.settings import Settings, Table

TIME = 1_715_680_000_000  # May 2024: far older than verify.max_lag
NAME = "batch=20240514T{:06d}Z.jsonl"

BRONZE = """
create schema if not exists bronze;
create table bronze.product_cdc (
    id bigserial primary key,
    kafka_topic {text},
    kafka_partition {partition},
    kafka_offset {offset},
    kafka_timestamp {timestamp},
    kafka_key jsonb,
    cdc_payload jsonb,
    ingested_at timestamptz default now(),
    batch_file {text},
    unique (kafka_topic, kafka_partition, kafka_offset)
);
create index on bronze.product_cdc (ingested_at);
"""
VIEW = """
create schema if not exists staging_staging;
create view staging_staging.stg_product as
select distinct on (product_id) * from (
    select
        ((coalesce(cdc_payload -> 'payload', cdc_payload) -> 'after') ->> 'ID')::int as product_id,
        (coalesce(cdc_payload -> 'payload', cdc_payload) -> 'after') ->> 'Name' as name,
        kafka_timestamp as seen,
        kafka_offset
    from bronze.product_cdc
    where cdc_payload is not null
) rows
where product_id is not null
order by product_id, kafka_offset desc;
"""
VECTORS = """
create extension if not exists vector;
create schema if not exists analytics_features;
create table analytics_features.product_embeddings (
    product_id integer primary key,
    text text not null,
    embedding vector(384) not null,
    created_at timestamp not null
);
"""


def event(number: int, *, op: str = "r", name: str = "", schema: bool = False) -> bytes:
    """The envelope of product `number`."""
    envelope = {
        "before": None,
        "after": {
            "ID": number,
            "Name": name or f"Product {number}",
            "Price": "AYaf",
            "Weight": 1.10,
            "IsActive": True,
        },
        "source": {
            "ts_ms": TIME + number,
            "snapshot": "false",
            "commit_lsn": f"0000002a:{number:08x}:0003",
            "change_lsn": f"0000002a:{number:08x}:0002",
        },
        "op": op,
        "ts_ms": TIME + number,
    }
    return _wrapped(envelope, "Envelope") if schema else json.dumps(envelope).encode()


def key(number: int, *, schema: bool = False) -> bytes:
    """The key of product `number`."""
    return _wrapped({"ID": number}, "Key") if schema else b'{"ID":%d}' % number


def _wrapped(payload: dict, name: str) -> bytes:
    columns = [{"type": "int32", "optional": False, "field": "ID"}]
    fields = columns
    if name == "Envelope":
        columns = [
            *columns,
            {"type": "string", "optional": True, "field": "Name"},
            {
                "type": "bytes",
                "optional": True,
                "name": "org.apache.kafka.connect.data.Decimal",
                "version": 1,
                "parameters": {"scale": "2", "connect.decimal.precision": "19"},
                "field": "Price",
            },
        ]
        row = {"type": "struct", "fields": columns, "optional": True}
        fields = [
            {**row, "field": "before"},
            {**row, "field": "after"},
            {"type": "struct", "fields": [], "optional": False, "field": "source"},
            {"type": "string", "optional": False, "field": "op"},
        ]
    schema = {"type": "struct", "fields": fields, "optional": False, "name": f"x.{name}"}
    text = json.dumps({"schema": schema, "payload": payload}, separators=(",", ":"))
    return text.encode()


def records(
    count: int, *, first: int = 0, partition: int = 0, schema: bool = False, word: str = ""
) -> list[tuple]:
    """What `produce` takes: products, and in between a tombstone."""
    return [
        (
            key(number, schema=schema),
            None
            if number % 50 == 49
            else event(number, schema=schema, name=word and f"{word} {number}"),
            [("source", b"debezium")],
            TIME + number,
            partition,
        )
        for number in range(first, first + count)
    ]


class OldPlatform:
    """The scripts' view of one table."""

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self.settings, self.clients = settings, clients
        self.objects: list[str] = []

    @property
    def table(self) -> Table:
        return self.settings.table("product")

    @property
    def topic(self) -> str:
        return self.table.topic

    def connect(self):
        postgres = self.settings.postgres
        return psycopg2.connect(
            host=postgres.host,
            port=postgres.port,
            dbname=postgres.dbname,
            user=postgres.user,
            password=postgres.password.reveal(),
        )

    def execute(self, text: str) -> None:
        with closing(self.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(text)

    def create_bronze(self, **types: str) -> None:
        """The table; `timestamp="bigint"` and the like for its variants."""
        kinds = {"text": "text", "partition": "integer", "offset": "bigint"}
        self.execute(BRONZE.format(**{**kinds, "timestamp": "timestamptz", **types}))

    def lines(self, samples: Iterable[tuple], *, first: int = 0, text: bool = False) -> list[str]:
        """The scripts' lines of `produce`'s records, whose offsets begin at `first` in each
        partition."""
        nexts: dict[int, int] = {}
        lines = []
        for key_bytes, value, _, timestamp, partition in samples:
            offset = nexts.setdefault(partition, first)
            nexts[partition] += 1
            parts = [
                None if part is None else part.decode() if text else json.loads(part)
                for part in (key_bytes, value)
            ]
            line = {
                "topic": self.topic,
                "partition": partition,
                "offset": offset,
                "timestamp": timestamp,
                "key": parts[0],
                "value": parts[1],
            }
            lines.append(json.dumps(line))
        return lines

    def put(self, lines: Sequence[str], *, end: str = "\n") -> str:
        """An object as the scripts write it; its key."""
        name = f"{self.table.prefix}{NAME.format(len(self.objects) + 1)}"
        body = "".join(f"{line}\n" for line in lines)[: -1 if not end else None]
        self.objects.append(name)
        assert self.clients.objects.put_new(name, body.encode(), metadata={})
        return name

    def load(self, lines: Sequence[str], file: str | None) -> None:
        """The rows of an object's lines."""
        query = """
            insert into bronze.product_cdc (kafka_topic, kafka_partition, kafka_offset,
                kafka_timestamp, kafka_key, cdc_payload, batch_file)
            values (%s, %s, %s, {at}, %s, %s, %s) on conflict do nothing"""
        with closing(self.connect()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                "select data_type from information_schema.columns where table_schema = 'bronze'"
                " and table_name = 'product_cdc' and column_name = 'kafka_timestamp'"
            )
            numbers = cursor.fetchone()[0] == "bigint"
            at = "%s" if numbers else "to_timestamp(%s / 1000.0)"
            for text in lines:
                line = json.loads(text)
                cursor.execute(
                    query.format(at=at),
                    (
                        line["topic"],
                        line["partition"],
                        line["offset"],
                        line["timestamp"],
                        json.dumps(line["key"]),
                        None if line["value"] is None else json.dumps(line["value"]),
                        file,
                    ),
                )

    def stage(self) -> None:
        self.execute(VIEW)

    def embed(self, count: int) -> None:
        """A vector a product, without an index."""
        self.execute(VECTORS)
        with closing(self.connect()) as connection, connection, connection.cursor() as cursor:
            for number in range(count):
                vector = [0.0] * 384
                vector[number % 384] = 1.0
                cursor.execute(
                    "insert into analytics_features.product_embeddings values (%s, %s, %s, now())",
                    (number, f"Product {number}", str(vector)),
                )
