"""Keys of several columns, of texts and of large numbers, through every layer."""

import json
import shutil
from contextlib import closing

import pytest

from bictl import assets, pipeline
from bictl import settings as configured
from bictl.bronze import Wish
from bictl.clients import Clients
from bictl.errors import NotFound
from bictl.search import search
from bictl.trace import trace
from bictl.trace.key import parse_key
from bictl.trace.report import State
from bictl.trace.run import Asked, Limits

OLD = 1_715_680_000_000
RUN = "00000000-0000-0000-0000-000000000000"
GUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
LARGE = 2**53 + 1  # no float holds it

CONFIG = """
[dbt]
project_dir = "{project}"
[tables.stock]
topic = "{topic}.stock"
key = ["Stock Code", "Line"]
key_types = ["text", "integer"]
id = ["code", "line"]
embed = ["name", "code"]
[tables.event]
topic = "{topic}.event"
key_types = ["bigint"]
embed = ["name"]
[tables.maker]
topic = "{topic}.maker"
key = ["Guid"]
key_types = ["text"]
id = "guid"
embed = ["name"]
[tables.rate]
topic = "{topic}.rate"
key = ["Level", "Day", "At"]
key_types = ["text", "text", "text"]
id = ["level", "day", "at"]
embed = ["name"]
"""
MODELS = {
    "stock": (
        ["Stock Code", "Line"],
        [("Stock Code", "nvarchar(40)", "code"), ("Line", "int", "line")],
    ),
    "event": (["ID"], [("ID", "bigint", "event_id")]),
    "maker": (["Guid"], [("Guid", "uniqueidentifier", "guid")]),
    "rate": (
        ["Level", "Day", "At"],
        [
            ("Level", "decimal(18,2)", "level"),
            ("Day", "date", "day"),
            ("At", "datetime2(7)", "at"),
        ],
    ),
}
QUOTES = 'it\'s, "=" 100% {id} \\ \n%s'
VIEW = "staging_staging.stg_stock"
LIVE = {  # what is left in the end; to SQL Server's usual collations the first three are one key
    ("A", 1): "pump two",
    ("A ", 1): "pump again",
    ("A", 2): "valve moved",
    ("B", 1): "renamed",
    (QUOTES, 2): "quoted",
    ("null", 3): "the text null",
    ("насос", -5): "насос",
}


class Source:
    """A table's records as Debezium writes them, in the order of the source."""

    def __init__(self, columns):
        self.columns, self.records = columns, []

    def change(self, op, key, name=None, *, partition=None, snapshot="false"):
        number = len(self.records) + 1
        names = dict(zip(self.columns, key, strict=True))
        row = {**names, "Name": name}
        source = {
            "ts_ms": OLD,
            "snapshot": snapshot,
            "commit_lsn": f"{number:08x}:00000000:0001",
            "change_lsn": f"{number:08x}:00000000:0002",
        }
        value = {
            "before": row if op == "d" else None,
            "after": None if op == "d" else row,
            "source": source,
            "op": op,
        }
        place = sum(json.dumps(names).encode()) % 2 if partition is None else partition
        self.records.append((_json(names), _json(value), [], OLD, place))
        if op == "d":
            self.records.append((_json(names), None, [], OLD, place))


def _json(value):
    return json.dumps(value, ensure_ascii=False).encode()


def stock():
    """Snapshot, changes, a deletion, one that comes back, a key that is changed, one that moves to
    another partition."""
    source = Source(["Stock Code", "Line"])
    rows = [("A", 1), ("a", 1), ("A ", 1), ("", 1), (QUOTES, 2), ("null", 3), ("насос", -5)]
    for number, key in enumerate(rows):
        marker = {0: "first", len(rows) - 1: "last"}.get(number, "true")
        name = LIVE.get(key, "pump") if number > 2 else "pump"
        source.change("r", key, name, snapshot=marker)
    source.change("u", ("A", 1), "pump two")
    source.change("d", ("a", 1), "pump")
    source.change("d", ("A ", 1), "pump")
    source.change("c", ("A ", 1), "pump again")
    source.change("d", ("", 1), "pump")
    source.change("c", ("B", 1), "renamed")
    source.change("c", ("A", 2), "valve", partition=0)
    source.change("u", ("A", 2), "valve moved", partition=1)
    return source.records


def others():
    """event, maker, rate: numbers that only differ where a float ends, GUIDs, and values that a
    key's bytes encode."""
    events, makers, rates = Source(["ID"]), Source(["Guid"]), Source(["Level", "Day", "At"])
    for number in (LARGE - 1, LARGE, LARGE + 1, -LARGE):
        events.change("c", (number,), f"event {number}")
    events.change("d", (LARGE + 1,))
    makers.change("c", (GUID,), "maker")
    makers.change("c", (GUID.lower(),), "another maker")
    for level, day in (("BOI=", 19723), ("+x4=", 19723), ("BOI=", -1)):  # 12.50, -12.50
        rates.change("c", (level, day, 1_715_682_225_123_456_700), f"rate {day}")
    return {"event": events.records, "maker": makers.records, "rate": rates.records}


@pytest.fixture
def work(settings, produce, tmp_path):
    """The three tables' records in Kafka, and what the stages work with."""
    project = tmp_path / "dbt"
    shutil.copytree(assets.path("dbt"), project)
    models = project / "models" / "staging" / "product"
    for name, (key, columns) in MODELS.items():
        (models / f"stg_{name}.sql").write_text(
            f"{{{{ cdc_table(bronze=source('bronze', '{name}_cdc'), key={key!r}, "
            f"columns={[*columns, ('Name', 'nvarchar(100)', 'name')]!r}) }}}}"
        )
    sources = project / "models" / "sources.yml"
    with sources.open("a") as file:
        file.writelines(f"      - name: {name}_cdc\n" for name in MODELS)
    topic = settings.table("product").topic
    with settings.path.open("a") as file:
        file.write(CONFIG.format(project=project, topic=topic))
    environment = {"BICTL_STATE_DIR": str(settings.state_dir)}
    found = configured.load(config=str(settings.path), environment=environment)
    for name, records in {"stock": stock(), **others()}.items():
        produce(f"{topic}.{name}", records, partitions=2)
    with closing(Clients(found)) as clients:
        yield pipeline.Work(clients=clients, settings=found, run=RUN)


def through(work, names):
    tables = [work.settings.table(name) for name in names]
    for table in tables:
        pipeline.ingest(work, table)
        pipeline.load_bronze(work, table)
    pipeline.transform(work, tables)
    for table in tables:
        pipeline.embed(work, table)
    return [pipeline.verify(work, table) for table in tables]


def look(work, name, *words):
    table = work.settings.table(name)
    clients = work.clients
    return trace(
        clients.reader,
        clients.objects,
        clients.database,
        table=table,
        asked=Asked(key=parse_key(words, table.key)),
        limits=Limits(max_lag=300),
        staging=f"{work.settings.dbt.view_schema}.{table.staging}",
        model=work.settings.embedding.model,
    )


def find(work, name, query, **options):
    return search(
        work.clients.database,
        work.clients.query_encoder,
        table=work.settings.table(name),
        staging_schema=work.settings.dbt.view_schema,
        query=query,
        **options,
    ).hits


def crowd(database, table, key):
    """Fills a bronze table, so that a look into its key's index pays; `key` is of a number n."""
    database.execute(
        f"""insert into bronze.{table}_cdc (kafka_topic, generation, kafka_partition, kafka_offset,
            kafka_timestamp, kafka_key, cdc_payload, batch_file)
        select 'more', 'g', 0, n, now(), {key}, '{{}}', 'b' from generate_series(1, 3000) as n"""
    )
    database.autocommit(f"analyze bronze.{table}_cdc")


def looked_up(database, query, table):
    """How a query finds the rows of a bronze table: its scans' conditions, by index."""
    [[plan]] = database.rows(f"explain (format json) {query}")
    found, nodes = [], [plan[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        if node.get("Relation Name") == f"{table}_cdc" and "Index Cond" in node:
            found.append((node["Index Name"], node["Index Cond"]))
    return found


def finds_every_key(work):
    """trace, by the words that verify says."""
    for (code, line), name in LIVE.items():
        seen = look(work, "stock", f"Stock Code={code}", f"Line={line}")
        assert (seen.exit_code, seen.layer("staging").state) == (0, State.FOUND), (code, seen)
        assert seen.layer("vectors").state is State.FOUND, name
    seen = look(work, "stock", "Stock Code='A ', Line=1")
    assert (seen.key, seen.event_count) == ({"Stock Code": "A ", "Line": "1"}, 4)
    assert look(work, "stock", "Stock Code=a", "Line=1").layer("staging").state == "deleted"
    assert look(work, "event", str(LARGE)).event_count == 1
    assert look(work, "maker", GUID).place != look(work, "maker", GUID.lower()).place
    for level in ("12.50", "BOI="):  # as staging shows it, and as it stands in Kafka
        day = {"12.50": "1969-12-31", "BOI=": "-1"}[level]
        at = {"12.50": "2024-05-14 10:23:45.123456", "BOI=": "1715682225123456700"}[level]
        seen = look(work, "rate", f"Level={level}", f"Day={day}", f"At={at}")
        assert (seen.exit_code, seen.layer("staging").state, seen.event_count) == (0, "found", 1)
        assert seen.layer("vectors").state is State.FOUND
    with pytest.raises(NotFound) as unseen:
        look(work, "stock", "Stock Code=A", "Line=3")
    assert unseen.value.hint.startswith("existing: Stock Code=A, Line=2, Stock Code=A, Line=1, ")


def searches_every_key(work, cli):
    hits = find(work, "stock", "valve moved", limit=2)
    assert hits[0].id == ("A", 2)
    assert {hit.id for hit in find(work, "stock", "насос", mode="keyword")} == {("насос", -5)}
    where = "line = 1 and code in ('A', 'A ', 'B')"
    assert {hit.id for hit in find(work, "stock", "pump", where=where)} == {
        ("A", 1),
        ("A ", 1),
        ("B", 1),
    }
    assert [hit.id for hit in find(work, "event", f"event {LARGE}", limit=1)] == [LARGE]
    shown = cli("search", "quoted", "--table", "stock", "--json", "-n", "1")
    [hit] = json.loads(shown.stdout)["hits"]
    assert (hit["code"], hit["line"], hit["name"]) == (QUOTES, 2, "quoted")


def prunes_and_proves(work):
    table = work.settings.table("stock")
    assert pipeline.prune(work, table, wish=Wish(below={0: 10_000, 1: 10_000})).removed > 2
    report = pipeline.verify(work, table)
    assert report.complete, report.headline
    [proof] = [check for check in report.checks if check.id == "B11"]
    assert "pruned" in proof.message


def looks_into_the_index(database):
    """What the views ask is what the index holds."""
    crowd(database, "stock", "jsonb_build_object('Stock Code', 'X', 'Line', n)")
    query = f"select * from {VIEW} where code = 'A ' and line = 1"
    conditions = [cond for index, cond in looked_up(database, query, "stock") if "_key" in index]
    assert any("Stock Code" in one and "Line" in one for one in conditions), conditions
    crowd(database, "event", "jsonb_build_object('ID', n)")
    query = f"select * from staging_staging.stg_event where event_id = {LARGE}"
    assert "event_cdc_key" in dict(looked_up(database, query, "event"))
    database.execute("delete from bronze.stock_cdc where kafka_topic = 'more'")


def names_what_is_damaged(work):
    """verify, by the whole key."""
    database = work.clients.database
    database.script(
        """
        create table staging_staging.frozen as select * from staging_staging.stg_stock;
        drop view staging_staging.stg_stock;
        alter table staging_staging.frozen rename to stg_stock;
        delete from staging_staging.stg_stock where code = 'A ';
        insert into staging_staging.stg_stock (code, line, name, cdc_operation)
            values ('a', 1, 'pump', 'c');
        update staging_staging.stg_stock set name = 'other' where code = 'A' and line = 1;
        update staging_staging.stg_stock set name = null where code = 'null';
        update staging_staging.stg_stock set ingested_at = 'epoch' where code = 'B';
        update analytics_features.stock_embeddings set embedding = null where code = 'B';
        """
    )
    table = work.settings.table("stock")
    checks = {check.id: check for check in pipeline.verify(work, table).checks}

    assert checks["T2"].message == (
        "1 key not in staging: Stock Code='A ', Line=1; "
        "1 deleted key still shown: Stock Code=a, Line=1"
    )
    assert checks["T2"].missing.keys == ("Stock Code='A ', Line=1",)
    assert "Stock Code=B, Line=1" in checks["T3"].message
    assert checks["T5"].message == "1 values became NULL: Name: 1 (Stock Code=null, Line=3)"
    assert "Name: 1 (Stock Code=A, Line=1)" in checks["T6"].message
    assert "Stock Code=a, Line=1" in checks["E1"].message
    assert "Stock Code='A ', Line=1" in checks["E1"].message
    assert "Stock Code=A, Line=1" in checks["E2"].message
    assert "Stock Code=B, Line=1" in checks["E4"].message

    database.execute(
        "insert into staging_staging.stg_stock (code, line) values ('A', 1), (null, 1)"
    )
    [check] = [c for c in pipeline.verify(work, table, select=["T4"]).checks if c.id == "T4"]
    assert "1 row without code, line, 1 more than once" in check.message


def test_every_kind_of_key_goes_through_every_layer(work, cli):
    database = work.clients.database
    reports = through(work, MODELS)

    assert [(report.table, report.complete) for report in reports] == [
        (name, True) for name in MODELS
    ], [report.headline for report in reports]
    assert {
        row[:2]: row[2] for row in database.rows(f"select code, line, name from {VIEW}")
    } == LIVE
    assert set(database.rows("select event_id from staging_staging.stg_event")) == {
        (LARGE - 1,),
        (LARGE,),
        (-LARGE,),
    }

    finds_every_key(work)
    searches_every_key(work, cli)
    prunes_and_proves(work)
    looks_into_the_index(database)
    names_what_is_damaged(work)
