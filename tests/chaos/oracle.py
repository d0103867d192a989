"""What a pipeline's systems hold, read without bictl: by psycopg2, boto3 and kafka-python alone."""

import base64
import fcntl
import gzip
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import boto3
import psycopg2
import psycopg2.extras
from kafka import KafkaConsumer, TopicPartition

from bictl.settings import Settings

Place = tuple[int, int]  # partition, offset
Pair = tuple[bytes | None, bytes | None]  # key, value
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

QUERIES = {
    "bronze": """
        select generation, kafka_partition, kafka_offset, kafka_timestamp, kafka_key, cdc_payload
        from bronze.product_cdc_events order by 1, 2, 3""",
    "quarantine": """
        select generation, kafka_partition, kafka_offset, kafka_timestamp, raw_key, raw_value,
            sqlstate
        from bronze.cdc_quarantine order by 1, 2, 3""",
    "staging": """
        select to_jsonb(s) - 'ingested_at' from staging_staging.stg_product s
        order by product_id""",
    "vectors": """
        select to_jsonb(v) - 'embedded_at' from analytics_features.product_embeddings v
        order by product_id""",
    "pruned": """
        select generation, kafka_partition, first_offset, next_offset, n_rows, offsets::text
        from bictl.pruned_range order by 1, 2, 3""",
    "generations": "select * from bronze.cdc_generation order by 1, 2",
    "relations": """
        select n.nspname, c.relname, c.relkind::text, coalesce(i.indisvalid, true)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        left join pg_index i on i.indexrelid = c.oid
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1, 2""",
    "versions": "select version, name from bictl.schema_version order by 1",
}


@dataclass(frozen=True)
class Systems:
    """One table's bucket, database and topic."""

    settings: Settings

    @property
    def topic(self) -> str:
        return self.settings.table("product").topic

    @cached_property
    def s3(self):
        given = self.settings.s3
        return boto3.client(
            "s3",
            endpoint_url=given.endpoint_url,
            region_name=given.region,
            aws_access_key_id=given.access_key_id,
            aws_secret_access_key=given.secret_access_key.reveal(),
        )

    @contextmanager
    def cursor(self, dbname: str | None = None) -> Iterator[psycopg2.extensions.cursor]:
        """A cursor that commits each statement."""
        given = self.settings.postgres
        connection = psycopg2.connect(
            host=given.host,
            port=given.port,
            dbname=dbname or given.dbname,
            user=given.user,
            password=given.password.reveal(),
            application_name="oracle",
        )
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            yield cursor

    def objects(self) -> dict[str, tuple[bytes, dict[str, str]]]:
        """Every object with its metadata."""
        found, bucket = {}, self.settings.s3.bucket
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in (item for page in pages for item in page.get("Contents", [])):
            answer = self.s3.get_object(Bucket=bucket, Key=item["Key"])
            found[item["Key"]] = answer["Body"].read(), answer["Metadata"]
        return found

    def uploads(self) -> list[str]:
        """Uploads that nobody has finished."""
        answer = self.s3.list_multipart_uploads(Bucket=self.settings.s3.bucket)
        return [item["Key"] for item in answer.get("Uploads", [])]

    def produced(self) -> dict[Place, Pair]:
        """Every record that the topic serves."""
        found: dict[Place, Pair] = {}
        consumer = KafkaConsumer(
            bootstrap_servers=self.settings.kafka.bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        with closing(consumer):
            parts = sorted(consumer.partitions_for_topic(self.topic))
            places = [TopicPartition(self.topic, part) for part in parts]
            consumer.assign(places)
            consumer.seek_to_beginning(*places)
            while any(_is_behind(consumer, place) for place in places):
                for records in consumer.poll(500).values():
                    found |= {(r.partition, r.offset): (r.key, r.value) for r in records}
        return found


def _is_behind(consumer, place) -> bool:
    end = consumer.highwater(place)
    return end is None or consumer.position(place) < end


@dataclass(frozen=True)
class Contents:
    """What the systems hold, by layer, without what every run writes anew (times, runs, ids)."""

    objects: dict[tuple[str, int, int], Pair]
    keys: frozenset[str]
    layers: dict[str, list]

    def differences(self, other: "Contents") -> list[str]:
        """The layers in which two differ, each with the first difference."""
        mine = {"objects": sorted(self.objects.items(), key=str), "keys": sorted(self.keys)}
        theirs = {"objects": sorted(other.objects.items(), key=str), "keys": sorted(other.keys)}
        mine, theirs = mine | self.layers, theirs | other.layers
        return [
            f"{layer}: {_first(mine[layer], theirs.get(layer))}"
            for layer in mine
            if mine[layer] != theirs.get(layer)
        ]


def _first(ours: list, theirs: list | None) -> str:
    theirs = theirs or []
    odd = [item for item in ours if item not in theirs][:1]
    lacking = [item for item in theirs if item not in ours][:1]
    return f"{len(ours)} against {len(theirs)}; only here {odd}, only there {lacking}"[:400]


def contents(systems: Systems) -> Contents:
    """Everything; a layer that is not there yet is empty."""
    every = systems.objects()
    lines = [
        json.loads(line)
        for key, (body, _) in every.items()
        if "/partition=" in key and key.endswith(".jsonl.gz")
        for line in _with_generation(key, body)
    ]
    sealed = {}
    for line in lines:
        place = line["generation"], line["partition"], line["offset"]
        pair = _bytes(line, "key"), _bytes(line, "value")
        assert sealed.setdefault(place, pair) == pair, f"two records at {place}"
    with systems.cursor() as cursor:
        layers = {name: _rows(cursor, query) for name, query in QUERIES.items()}
    return Contents(sealed, frozenset(every), layers)


def _with_generation(key: str, body: bytes) -> Iterator[bytes]:
    generation = key.partition("generation=")[2].partition("/")[0]
    for line in gzip.decompress(body).split(b"\n"):
        if line:
            yield b'{"generation":"%b",' % generation.encode() + line[1:]


def _bytes(line: dict, part: str) -> bytes | None:
    """The original bytes, as JSON's value: their order of members and numbers do not matter to
    the comparison with what was produced."""
    if f"{part}_b64" in line:
        return base64.b64decode(line[f"{part}_b64"])
    return None if line[part] is None else json.dumps(line[part], sort_keys=True).encode()


def _rows(cursor, query: str) -> list:
    try:
        cursor.execute(query)
    except psycopg2.errors.UndefinedTable:
        return []
    return [tuple(_plain(value) for value in row) for row in cursor.fetchall()]


def _plain(value: object) -> object:
    if isinstance(value, memoryview):
        return bytes(value)
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def normal(raw: bytes | None) -> bytes | None:
    """A produced value in the form in which it is compared."""
    try:
        return None if raw is None else json.dumps(json.loads(raw), sort_keys=True).encode()
    except ValueError:
        return raw


@dataclass(frozen=True)
class Tally:
    """Produced records that are nowhere, and offsets that are in two places."""

    lost: list[Place]
    doubled: list[Place]
    foreign: list[Place]
    changed: list[Place]

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.foreign or self.changed)


def tally(produced: dict[Place, Pair], found: Contents) -> Tally:
    """Produced set = bronze set + quarantine set (pruned ranges are not looked at)."""
    bronze = {(row[1], row[2]): (row[4], row[5]) for row in found.layers["bronze"]}
    refused = {(row[1], row[2]): (row[4], row[5]) for row in found.layers["quarantine"]}
    places = [(row[1], row[2]) for name in ("bronze", "quarantine") for row in found.layers[name]]
    counted = sorted(places)
    return Tally(
        lost=sorted(produced.keys() - set(places)),
        doubled=sorted({a for a, b in pairwise(counted) if a == b}),
        foreign=sorted(set(places) - produced.keys()),
        changed=[
            place
            for place, pair in sorted(produced.items())
            if (place in refused and refused[place] != pair)
            or (place in bronze and _texts(bronze[place]) != tuple(map(normal, pair)))
        ],
    )


def _texts(pair: tuple[str | None, str | None]) -> tuple[bytes | None, ...]:
    return tuple(None if part is None else part.encode() for part in pair)


def halves(systems: Systems) -> list[str]:
    """Objects of which the ledger and the rows say different things: none, at any instant."""
    query = """
        select coalesce(l.object_key, r.batch_file), l.n, r.n
        from (select object_key, n_loaded + n_quarantined as n from bictl.object_ledger) l
        full join (
            select batch_file, count(*) as n
            from (select batch_file from bronze.product_cdc
                union all select batch_file from bronze.cdc_quarantine) every
            group by 1
        ) r on r.batch_file = l.object_key
        where coalesce(l.n, 0) <> coalesce(r.n, 0)"""
    with systems.cursor() as cursor:
        return [f"half an object: {row}" for row in _rows(cursor, query)]


def litter(systems: Systems, state_dir: Path) -> list[str]:
    """What no run that has ended leaves behind."""
    found = [f"half a file: {path}" for path in state_dir.rglob("*.new")]
    found += [f"an upload: {key}" for key in systems.uploads()]
    found += [f"a held lock: {path}" for path in state_dir.glob("locks/*") if _is_held(path)]
    found += [f"a process: {words}" for words in processes_of(state_dir)]
    with systems.cursor() as cursor:
        for words, query in (
            ("a session", "select application_name, state, query from pg_stat_activity"
             " where datname = current_database() and application_name ~ '^bictl'"),
            ("an advisory lock", "select l.objid, a.application_name from pg_locks l join"
             " pg_stat_activity a using (pid) where locktype = 'advisory'"
             " and a.datname = current_database()"),
            ("a run that runs", "select command, pid from bictl.run where status = 'running'"),
            ("an invalid index", "select indexrelid::regclass::text from pg_index"
             " where not indisvalid"),
            ("a prepared transaction", "select gid from pg_prepared_xacts"),
        ):  # fmt: skip
            found += [f"{words}: {row}" for row in _rows(cursor, query)]
    return found


def _is_held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def processes_of(state_dir: Path) -> list[str]:
    """Command lines that name the state directory: dbt's, for one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"{state_dir}/dbt/" in words:
                found.append(words)
    return found


def names(directory: Path) -> set[str]:
    """The files of a state directory, run ids left out."""
    return {
        _ID.sub("*", str(path.relative_to(directory)))
        for path in directory.rglob("*")
        if path.is_file()
    }


def digest(rows: Iterable[object]) -> str:
    """One digest of rows, in their order."""
    return hashlib.sha256("\n".join(map(str, rows)).encode()).hexdigest()[:12]
