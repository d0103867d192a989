"""From a live source database to staging: every cell as the source has it, and closed by a second
snapshot what was deleted behind the connector's back.

The two sides are read by two programs: the source's values as the texts that its Postgres writes,
staging's from the bytes of a binary COPY, decoded here.
"""

import io
import json
import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
ROWS, CHANGES = 61_443, 3_073
COLUMNS = {
    "ID": "product_id",
    "Name": "name",
    "VendorCode": "vendor_code",
    "Description": "description",
    "Weight": "weight",
    "Length": "length",
    "Width": "width",
    "Height": "height",
    "Volume": "volume",
    "Price": "price",
    "IsActive": "is_active",
    "CategoryID": "category_id",
    "ManufacturerID": "manufacturer_id",
    "Created": "created_at",
    "Updated": "updated_at",
}
TYPES = "itttnnnnnnbiiss"  # integer, text, numeric, boolean, timestamp
EXCLUDED = {
    (100008, "Weight"): ("NaN", None),  # Debezium sends null for NaN, with a line in its log
}
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_EPOCH = datetime(2000, 1, 1)


@pytest.fixture
def no_vectors(settings):
    """The test's configuration without columns to embed: 61,443 texts take minutes."""
    text = settings.path.read_text(encoding="utf-8")
    given = 'embed = ["name", "vendor_code", "description"]'
    assert text.count(given) == 1
    settings.path.write_text(text.replace(given, "embed = []"), encoding="utf-8")


@pytest.fixture
def bictl(cli):
    """`bictl("run")`: a command that must succeed; what it printed."""

    def run(*arguments: str, exit_code: int = 0) -> str:
        done = cli(*arguments, timeout=400)
        assert done.exit_code == exit_code, done.stderr + done.stdout
        return done.stdout

    return run


def test_every_cell_of_61443_rows_and_3073_changes_is_as_the_source_has_it(
    source, settings, clients, until, bictl, no_vectors
):
    source.sql((HERE / "product_rows.sql").read_text(encoding="utf-8"))
    source.capture()
    until(lambda: source.end() > 0)
    # streamed behind the snapshot, which does not see them
    with closing(source.connect()) as session, session.cursor() as cursor:
        session.autocommit = True
        for statement in (HERE / "product_changes.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
    until(lambda: source.end() >= ROWS + CHANGES, 240)

    bictl("run")

    expected, found = of_source(source), of_staging(settings)
    assert source.end() == ROWS + CHANGES
    assert len(expected) == ROWS - 10 + 6
    assert found.keys() == expected.keys()
    assert differing(expected, found) == EXCLUDED
    report = json.loads(bictl("verify", "--deep", "--json"))
    assert report["complete"]
    assert {check["state"] for check in report["checks"]} <= {"ok", "warn"}


def test_a_second_snapshot_closes_what_was_deleted_while_nobody_looked(
    source, settings, clients, until, bictl, no_vectors
):
    source.sql(
        """insert into dbo."Product" ("ID", "Name", "Created")
        select n, 'product ' || n, now() from generate_series(1, 1000) n"""
    )
    source.capture()
    until(lambda: source.end() == 1000)
    bictl("run")

    stop(source, until)
    source.sql('delete from dbo."Product" where "ID" <= 100')
    until(lambda: dropped(source))
    again(source, until)
    until(lambda: source.end() == 1900)
    source.sql("""update dbo."Product" set "Name" = 'streamed' where "ID" = 500""")
    until(lambda: source.end() == 1901)
    bictl("ingest")
    bictl("load-bronze")

    expected, found = of_source(source), of_staging(settings)
    assert len(expected) == 900
    assert found == expected

    # A transaction that is open while the slot, which is kept, serves a third snapshot.
    stop(source, until)
    source.sql('delete from dbo."Product" where "ID" between 101 and 110')
    with closing(source.connect()) as session, session.cursor() as cursor:
        cursor.execute(
            """insert into dbo."Product" ("ID", "Name", "Created") values (5000, 'open', now());
            update dbo."Product" set "Name" = 'open' where "ID" = 600"""
        )
        # a commit writes the log to disk, up to which the next snapshot takes its position
        source.sql("""update dbo."Product" set "Name" = 'committed' where "ID" = 700""")
        again(source, until)
        until(lambda: source.end() >= 1901 + 890)
        session.commit()
    until(lambda: source.end() >= 1901 + 890 + 2)
    bictl("ingest")
    bictl("load-bronze")

    assert of_staging(settings) == of_source(source)
    (older,) = clients.database.rows(
        """select min(lsn) filter (where op <> 'r') < max(lsn) filter (where op = 'r')
        from (
            select event ->> 'op' as op, (event -> 'source' ->> 'lsn')::bigint as lsn
            from (
                select bronze.cdc_event(cdc_payload) as event from bronze.product_cdc
                where kafka_offset > 1901
            ) as unwrapped
        ) as placed"""
    )
    assert older == (True,)  # else this shows nothing: it came with an older position


def stop(source, until) -> None:
    assert source.rest("PUT", f"/connectors/{source.name}/stop")[0] == 204
    until(lambda: source.states() == ["STOPPED"])


def again(source, until) -> None:
    """Lets a stopped connector forget where it was."""
    until(lambda: source.rest("DELETE", f"/connectors/{source.name}/offsets")[0] == 200)
    assert source.rest("PUT", f"/connectors/{source.name}/resume")[0] == 202


def dropped(source) -> bool:
    try:
        source.sql("select pg_drop_replication_slot(%s)", (source.slot,))
    except psycopg2.errors.ObjectInUse:
        return False
    return True


def differing(expected: dict, found: dict) -> dict:
    """(ID, column) → the source's text and staging's, wherever they are not alike."""
    return {
        (id, column): pair
        for id, row in expected.items()
        if row != found[id]
        for column, *pair in zip(COLUMNS, row, found[id], strict=True)
        if pair[0] != pair[1]
        for pair in [tuple(pair)]
    }


def of_source(source) -> dict[int, tuple[str | None, ...]]:
    """The rows by ID, as the texts that the source's Postgres writes."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    text = io.StringIO(newline="\n")
    with closing(source.connect()) as session, session.cursor() as cursor:
        cursor.copy_expert(f'copy (select {names} from dbo."Product") to stdout', text)
    rows = (tuple(map(cell, line.split("\t"))) for line in text.getvalue().split("\n")[:-1])
    return {int(row[0] or ""): row for row in rows}


def cell(text: str) -> str | None:
    """A cell of COPY's text format."""
    if "\\" not in text:
        return text
    if text == "\\N":
        return None
    first, *rest = text.split("\\\\")
    parts = [unescaped(part) for part in (first, *rest)]
    return "\\".join(parts)


def unescaped(text: str) -> str:
    first, *rest = text.split("\\")
    return first + "".join(_ESCAPES[part[0]] + part[1:] for part in rest)


def of_staging(settings) -> dict[int, tuple[str | None, ...]]:
    """The rows by product_id, decoded from Postgres's binary format."""
    names = ", ".join(COLUMNS.values())
    raw = io.BytesIO()
    postgres = settings.postgres
    with (
        closing(
            psycopg2.connect(
                host=postgres.host,
                port=postgres.port,
                dbname=postgres.dbname,
                user=postgres.user,
                password=postgres.password.reveal(),
            )
        ) as session,
        session.cursor() as cursor,
    ):
        view = f"{settings.dbt.view_schema}.stg_product"
        cursor.copy_expert(f"copy (select {names} from {view}) to stdout (format binary)", raw)
    rows = list(binary_rows(raw.getvalue()))
    assert len({row[0] for row in rows}) == len(rows)
    return {int(row[0] or ""): row for row in rows}


def binary_rows(raw: bytes) -> Iterator[tuple[str | None, ...]]:
    """https://www.postgresql.org/docs/current/sql-copy.html, Binary Format."""
    assert raw.startswith(b"PGCOPY\n\xff\r\n\0")
    at = 19
    while (count := struct.unpack_from(">h", raw, at)[0]) >= 0:
        at += 2
        row: list[str | None] = []
        for kind in TYPES[:count]:
            (size,) = struct.unpack_from(">i", raw, at)
            at += 4
            row.append(None if size < 0 else _READ[kind](raw[at : at + size]))
            at += max(size, 0)
        yield tuple(row)


def numeric(raw: bytes) -> str:
    """Digits to the base 10,000, the first of them worth 10,000 ** weight."""
    count, weight, sign, scale = struct.unpack_from(">hhHh", raw)
    assert sign in (0, 0x4000), "NaN or infinite"
    digits = struct.unpack_from(f">{count}h", raw, 8)
    value = sum(
        (digit * Decimal(10_000) ** (weight - place) for place, digit in enumerate(digits)),
        Decimal(0),
    )
    return f"{-value if sign else value:.{scale}f}"


def timestamp(raw: bytes) -> str:
    """Microseconds since 2000."""
    found = _EPOCH + timedelta(microseconds=struct.unpack(">q", raw)[0])
    text = found.isoformat(" ")
    return text.rstrip("0") if found.microsecond else text


_READ = {
    "i": lambda raw: str(int.from_bytes(raw, "big", signed=True)),
    "t": bytes.decode,
    "n": numeric,
    "b": lambda raw: "t" if raw[0] else "f",
    "s": timestamp,
}
