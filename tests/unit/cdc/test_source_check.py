"""What SQL Server's catalogue says is judged as what it means; a missing right is unknown."""

from dataclasses import replace
from datetime import datetime

import pytest

from bictl.cdc.nulls import keeps_nulls
from bictl.cdc.source import Catalogue, Examined, Place, examine, judge
from bictl.cdc.source.catalogue import Capture, Server, SourceColumn, SourceTable, lsn
from bictl.cdc.source.check import Around, committed, exit_code, once_each
from bictl.columns import Column
from bictl.errors import AccessDenied

PLACE = Place("ConcordDb", "dbo", "Product")
NOW = datetime(2024, 5, 14, 12, 0)
LSN = "0000002a:000003f0:0003"
ID = ("ID", "int", 4, 10, 0, False, None, False, 1)
NAME = ("Name", "nvarchar", 1000, 0, 0, False, None, False, None)


class Server2022:
    """The rows that pymssql would bring, by the name of the query."""

    def __init__(self, **changed: object) -> None:
        self.answers = {
            "server": [("16.0.4135.4", "Developer Edition (64-bit)", "ConcordDb", True)],
            "agent": [(1,)],
            "retention": [(10080,)],
            "errors": [],
            "table": [(True, 61443)],
            "columns": [ID, NAME],
            "near": [("dbo.Products",), ("dbo.Category",)],
            "captures": [
                ("dbo_Product", False, "0000002A000003F00003", "ID"),
                ("dbo_Product", False, "0000002A000003F00003", "Name"),
            ],
            **changed,
        }
        self.asked: list[tuple[str, str, str]] = []

    def rows(self, name: str, *, schema: str, table: str) -> list:
        self.asked.append((name, schema, table))
        answer = self.answers[name.removeprefix("sqlserver/")]
        if isinstance(answer, Exception):
            raise answer
        return answer


def around(**changed: object) -> Around:
    known = {"committed": LSN, "keeps_nulls": None, "staged": 61443, **changed}
    asked = {name: (lambda value=value: value) for name, value in known.items() if name != "key"}
    return Around(key=changed.get("key", ("ID",)), **asked)


def look(*, about: Around | None = None, **changed: object) -> dict[str, judge.Answer]:
    catalogue = Catalogue(Server2022(**changed), PLACE)
    found = examine(catalogue, name="product", place=PLACE, around=about or around())
    return {answer.check: answer for answer in found.answers}


def test_a_source_that_is_well_is_well_throughout():
    found = look()
    assert {answer.state for answer in found.values()} == {"ok"}
    assert list(found) == [
        *("server", "database", "agent", "retention", "errors"),
        *("table", "key", "values", "capture", "unread", "rows"),
    ]
    assert found["unread"].message == f"the connector is at {LSN}, changes are kept from {LSN}"
    assert found["capture"].message == "dbo_Product captures all 2 columns"


@pytest.mark.parametrize(
    ("changed", "check", "state", "words"),
    [
        ({"agent": [(0,)]}, "agent", "fail", "stopped: nothing is captured"),
        ({"agent": []}, "agent", "unknown", "lists no Agent"),
        ({"table": [(False, 61443)]}, "table", "fail", "not captured"),
        ({"table": []}, "table", "fail", "no table dbo.Product in ConcordDb"),
        ({"retention": [(60,)]}, "retention", "warn", "less than a day"),
        ({"retention": []}, "retention", "unknown", "no cleanup job"),
        ({"errors": [(NOW, 22859, "Log Scan failed")]}, "errors", "warn", "22859 Log Scan failed"),
        ({"captures": []}, "capture", "unknown", "no capture instance"),
        ({"table": [(True, 61440)]}, "rows", "warn", "3 apart, which may be on their way"),
        ({"table": [(True, 115)]}, "rows", "fail", "more than one in a hundred"),
        ({"table": [(True, None)]}, "rows", "skipped", "the source's rows are not known"),
        ({"columns": [(*ID[:8], None), NAME]}, "key", "warn", "no primary key"),
        ({"columns": [(*ID[:8], 2), (*NAME[:8], 1)]}, "key", "fail", "is Name, ID"),
    ],
)
def test_one_thing_that_is_wrong_is_said_so(changed, check, state, words):
    found = look(**changed)
    assert (found[check].state, words in found[check].message) == (state, True)
    assert found[check].repair or state == "skipped"
    others = {name: one.state for name, one in found.items() if name != check}
    assert set(others.values()) <= {"ok", "unknown" if "captures" in changed else "ok"}


def test_a_database_that_captures_nothing_is_not_asked_for_the_captures_own():
    server = [("16.0", "Developer", "ConcordDb", False)]
    found = look(server=server, table=[(False, 3)])
    assert (found["database"].state, found["table"].state) == ("fail", "fail")
    assert "retention" not in found
    assert "capture" not in found


def test_another_database_is_no_evidence_of_anything():
    found = look(server=[("16.0", "Developer", "Other", True)])
    assert list(found) == ["server"]
    assert "the topic is of ConcordDb" in found["server"].message


def test_changes_that_were_cleaned_up_unread_are_evidence_of_loss():
    newer = [("dbo_Product", False, "0000002A000003F10001", name) for name in ("ID", "Name")]
    found = look(captures=newer)
    assert (found["unread"].state, found["unread"].code) == ("fail", 6)
    assert f"changes after {LSN} were cleaned up" in found["unread"].message


def test_the_oldest_of_two_instances_counts_and_two_are_a_warning():
    two = [
        ("old", False, "0000002A000003F00001", "ID"),
        ("new", False, "0000002B000000000001", "ID"),
        ("new", False, "0000002B000000000001", "Name"),
    ]
    found = look(captures=two)
    assert found["unread"].state == "ok"
    assert (found["capture"].state, "disable old" in found["capture"].repair) == ("warn", True)


def test_a_connector_that_nobody_knows_is_out_of_scope():
    assert look(about=around(committed=None))["unread"].state == "skipped"
    assert look(captures=[("x", False, "0" * 20, "ID")])["unread"].state == "unknown"


def test_columns_that_the_capture_does_not_have_are_named():
    added = (*NAME, "Sku")
    found = look(columns=[ID, NAME, ("Sku", *NAME[1:])])
    assert (found["capture"].state, added[-1] in found["capture"].message) == ("fail", True)
    dropped = look(columns=[ID])
    assert dropped["capture"].state == "warn"
    assert "still captures Name" in dropped["capture"].message


def test_a_missing_right_is_unknown_and_stops_nothing():
    denied = AccessDenied("VIEW SERVER STATE permission was denied", hint="give the right")
    found = look(agent=denied, errors=denied, captures=denied)
    assert {name for name, one in found.items() if one.state == "unknown"} == {
        *("agent", "errors", "capture", "unread")
    }
    assert found["rows"].state == "ok"


def test_the_exit_code_is_the_worst_of_all():
    def code(*answers: judge.Answer) -> int:
        return exit_code([Examined(table="t", answers=answers)])

    ok = judge.Answer(check="x", state="ok", message="")
    warn, unknown, fail = (replace(ok, state=state) for state in ("warn", "unknown", "fail"))
    assert [code(ok, warn), code(ok, unknown), code(unknown, fail)] == [0, 3, 1]
    assert code(fail, replace(fail, is_loss=True)) == 6


def test_what_is_the_servers_own_is_said_once_for_all_tables():
    answers = tuple(look().values())
    rows = once_each([Examined(table=name, answers=answers) for name in ("a", "b")])
    assert [name for name, one in rows if one.check == "agent"] == [""]
    assert [name for name, one in rows if one.check == "table"] == ["a", "b"]


# Values ------------------------------------------------------------------------------------------


def column(name: str, base: str, *, length: int = 8, scale: int = 0, **changed: object) -> tuple:
    given = {"nullable": True, "default": None, "computed": False, **changed}
    return (name, base, length, 18, scale, *given.values(), None)


def values(*columns: tuple, keeps: bool | None = None) -> dict[str, str]:
    catalogue = Catalogue(Server2022(columns=[ID, *columns]), PLACE)
    found = catalogue.table()
    assert found is not None
    answers = judge.values(found.columns, keeps_nulls=keeps)
    return {answer.message.split(":")[0]: answer.state for answer in answers}


def test_each_kind_of_column_that_the_wire_changes_is_named():
    assert values(
        column("V", "sql_variant"),
        column("Place", "geography"),
        column("Total", "decimal", computed=True),
        column("Until", "datetime2", scale=7),
        column("At", "time", scale=7),
        column("Opens", "time", scale=4),
        column("Seen", "datetimeoffset", scale=7),
        column("Qty", "int", default="((7))"),
    ) == {
        "V, Place": "warn",
        "Total": "warn",
        "Qty": "warn",
        "At, Opens": "warn",
        "Seen": "warn",
    }


def test_what_the_wire_carries_is_not_named():
    assert list(
        values(
            column("A", "datetime2", scale=6),
            column("B", "time", scale=3),
            column("C", "int", nullable=False, default="((7))"),
            column("D", "money"),
            column("E", "hierarchyid", length=892),
        )
    ) == ["every column arrives as the source has it"]


def test_defaults_are_no_lie_where_the_connector_keeps_nulls():
    one = column("Qty", "int", default="((7))")
    assert list(values(one, keeps=True)) == ["every column arrives as the source has it"]
    assert list(values(one, keeps=False)) == ["Qty"]


def test_large_columns_are_noted_and_no_warning():
    found = values(column("Text", "nvarchar", length=-1), column("Old", "ntext", length=16))
    assert list(found.values()) == ["ok"]
    assert "before images leave out Text, Old unless changed" in next(iter(found))


def test_an_lsn_reads_as_debezium_writes_it():
    assert lsn("0000002A000003F00003") == LSN
    assert lsn("0" * 20) is None
    assert lsn(None) is None


# What the connector says -------------------------------------------------------------------------


def test_the_connector_of_the_topic_is_the_one_with_the_longest_prefix(replay, worker):
    given = {}
    for name, prefix, extra in (
        ("short", "cord", {"value.converter": "JsonConverter"}),
        ("long", "cord.x", {"value.converter.replace.null.with.default": "False"}),
        ("other", "corduroy", {}),
    ):
        config = {"topic.prefix": prefix, **extra}
        given[name] = {"info": {"config": config}, "status": {"type": "source"}}
    replay.say("/connectors?expand=status&expand=info", 200, given)
    assert keeps_nulls(worker, topic="cord.x.dbo.T") is True
    assert keeps_nulls(worker, topic="cord.dbo.T") is False
    assert keeps_nulls(worker, topic="corduroy.dbo.T") is None
    assert keeps_nulls(worker, topic="else.dbo.T") is None


def test_the_committed_lsn_is_that_of_the_tables_database(replay, worker):
    replay.connector(
        "status_running",
        offsets=[
            {"partition": {"server": "cord", "database": "Other"}, "offset": {"commit_lsn": "f"}},
            {
                "partition": {"server": "cord", "database": "ConcordDb"},
                "offset": {"commit_lsn": LSN},
            },
        ],
    )
    [connector] = worker.overview()
    topic = f"{connector.config['topic.prefix']}.ConcordDb.dbo.Product"
    assert committed(worker, topic=topic, database="ConcordDb") == LSN
    assert committed(worker, topic="else.dbo.T", database="ConcordDb") is None


def test_a_worker_that_does_not_answer_knows_nothing(replay, worker):
    replay.close()
    assert keeps_nulls(worker, topic="cord.dbo.T") is None
    assert committed(worker, topic="cord.dbo.T", database="ConcordDb") is None


def test_the_reads_are_asked_with_the_tables_own_name():
    server = Server2022()
    assert Catalogue(server, PLACE).server() == Server(
        version="16.0.4135.4",
        edition="Developer Edition (64-bit)",
        database="ConcordDb",
        captures=True,
    )
    assert server.asked == [("sqlserver/server", "dbo", "Product")]
    [instance] = Catalogue(server, PLACE).captures()
    assert instance == Capture(
        name="dbo_Product", net_changes=False, oldest=LSN, columns=("ID", "Name")
    )
    assert Catalogue(server, PLACE).table() == SourceTable(
        tracked=True,
        rows=61443,
        columns=(
            SourceColumn(column=Column("ID", "int", nullable=False)),
            SourceColumn(column=Column("Name", "nvarchar", nullable=False)),
        ),
        key=("ID",),
    )
