"""What leaves the quarantine does so whole and once, and the ledger counts it anew."""

import threading
from dataclasses import replace

import pytest
from batches import Written, numbered, seal
from databases import administer

from bictl.bronze import load, retry
from bictl.bronze.quarantine import Chosen
from bictl.clients import Clients
from bictl.local.postgres import SUPERUSER
from bictl.local.state import load as load_state
from bictl.records import Range
from bictl.settings.secret import Secret

DEPTH = 40_000  # refused with 2 MB of stack, taken with 7 MB
DEEP = b'{"a":' + b"[" * DEPTH + b"]" * DEPTH + b"}"
NUL = rb'{"a":"x\u0000y"}'


@pytest.fixture
def set_stack(stack, settings, clients):
    """`set_stack("7MB")`: what a superuser does to a database, for connections opened later."""
    secret = Secret(load_state(stack.directory).secrets["postgres_superuser"])
    superuser = replace(settings.postgres, user=SUPERUSER, password=secret)

    def set_for_later(size):
        administer(
            replace(settings, postgres=superuser),
            f"alter database {settings.postgres.dbname} set max_stack_depth = '{size}'",
        )
        clients.database.close()

    return set_for_later


def run(bronze, **chosen):
    return retry(bronze.clients.database, table=bronze.table, chosen=Chosen(**chosen))


def ledger(bronze):
    query = "select n_loaded, n_quarantined, n_duplicate from bictl.object_ledger order by 1, 2"
    return bronze.rows(query)


def places(bronze, relation):
    return {offset for (offset,) in bronze.rows(f"select kafka_offset from {relation}")}


def test_after_a_fix_what_was_refused_loads_as_if_it_had_never_been(bronze, set_stack):
    set_stack("2MB")
    values = [b"{}", DEEP, NUL, b'{"n":3}']
    key = seal(bronze.clients.objects, bronze.table, numbered([(b'{"ID":1}', v) for v in values]))
    assert bronze.load().quarantined == 2
    assert run(bronze).summary == (
        "0 of 2 records loaded from quarantine, 1 × 22P05, 1 × 54001 stay there"
    )

    set_stack("7MB")
    result = run(bronze)

    assert (result.tried, result.loaded, result.stayed) == (2, 1, (("22P05", 1),))
    assert (result.exit_code, result.changed) == (3, True)
    assert places(bronze, "bronze.cdc_quarantine") == {2}
    assert places(bronze, "bronze.product_cdc") == {0, 1, 3}
    assert ledger(bronze) == [(3, 1, 0)]
    ((file, time, text),) = bronze.rows(
        """select batch_file, kafka_timestamp = timestamptz 'epoch' + interval '1 ms' * %s,
            cdc_payload::text from bronze.product_cdc where kafka_offset = 1""",
        Written(0, None, None).timestamp,
    )
    assert (file, time) == (key, True)
    assert text.replace(" ", "").encode() == DEEP


def test_what_is_loaded_from_quarantine_is_what_a_replay_loads(bronze, fixture_records):
    """Wrapped envelopes, tombstones, null keys: put there as an older program would have."""
    some = [
        (key, value, headers, timestamp)
        for key, value, headers, timestamp in fixture_records("product_schema")[:40]
    ]
    seal(bronze.clients.objects, bronze.table, numbered([*some, (None, b"[1]"), (b"1", None)]))
    bronze.load()
    loaded = bronze.contents()
    put_aside(bronze)

    result = run(bronze)

    assert (result.loaded, result.exit_code) == (42, 0)
    assert bronze.contents() == loaded


def put_aside(bronze):
    """Everything into quarantine with the bytes of its object, as if Postgres had refused it."""
    from bictl.wire import parse_line, read_lines

    database = bronze.clients.database
    for info in bronze.clients.objects.list(bronze.table.prefix):
        for text in read_lines(bronze.clients.objects.get(info.key)[0]):
            line = parse_line(text)
            database.execute(
                """insert into bronze.cdc_quarantine
                select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
                    %s, %s, '22P02', 'an older program', batch_file
                from bronze.product_cdc where kafka_offset = %s and batch_file = %s""",
                [line.key, line.value, line.offset, info.key],
            )
    database.execute("truncate bronze.product_cdc")
    database.execute("update bictl.object_ledger set n_quarantined = n_loaded, n_loaded = 0")


def test_only_what_was_chosen_is_tried(bronze):
    records = numbered([(b"1", b"{}")] * 6)
    seal(bronze.clients.objects, bronze.table, records[:3])
    seal(bronze.clients.objects, bronze.table, records[3:])
    bronze.load()
    put_aside(bronze)
    bronze.clients.database.execute(
        "update bronze.cdc_quarantine set sqlstate = '54001' where kafka_offset >= 4"
    )

    assert run(bronze, ranges=[Range(0, 1, 2), Range(0, 5, 9), Range(1, 0, 9)]).tried == 2
    assert run(bronze, generation="other").summary == (
        "nothing to do: nothing of that is in quarantine"
    )
    assert run(bronze, sqlstate="54001").loaded == 1
    assert places(bronze, "bronze.cdc_quarantine") == {0, 2, 3}
    assert ledger(bronze) == [(1, 2, 0), (2, 1, 0)]
    assert run(bronze).exit_code == 0
    assert ledger(bronze) == [(3, 0, 0), (3, 0, 0)]
    assert run(bronze).changed is False


def test_what_stands_in_bronze_already_leaves_and_another_record_stays(bronze):
    """Only hands can bring this about; verify's B2 is red until it is settled."""
    seal(bronze.clients.objects, bronze.table, numbered([(b"1", b"{}"), (b"2", b"{}")]))
    bronze.load()
    file = bronze.value("select batch_file from bronze.product_cdc limit 1")
    for offset, value in ((0, b"{ }"), (1, b"[]")):
        bronze.clients.database.execute(
            """insert into bronze.cdc_quarantine
            select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
                %s, %s, '22P02', 'by hand', batch_file
            from bronze.product_cdc where kafka_offset = %s and batch_file = %s""",
            [b"%d" % (offset + 1), value, offset, file],
        )

    result = run(bronze)

    assert (result.loaded, result.duplicates, result.conflicts) == (0, 1, 1)
    assert result.exit_code == 3
    assert places(bronze, "bronze.cdc_quarantine") == {1}
    assert ledger(bronze) == [(2, 0, 0)]


def test_the_reason_of_today_replaces_the_one_of_then(bronze):
    seal(bronze.clients.objects, bronze.table, numbered([(b"1", NUL)]))
    bronze.load()
    bronze.clients.database.execute(
        "update bronze.cdc_quarantine set sqlstate = '22000', reason = 'an older server'"
    )
    assert run(bronze).stayed == (("22P05", 1),)
    ((state, reason),) = bronze.rows("select sqlstate, reason from bronze.cdc_quarantine")
    assert (state, reason.startswith("value: unsupported Unicode")) == ("22P05", True)


def test_a_time_beyond_the_calendar_stays(bronze):
    records = [Written(0, b"1", b"{}", timestamp=2**63 - 1), Written(1, b"2", b"{}")]
    seal(bronze.clients.objects, bronze.table, records)
    bronze.load()
    assert run(bronze).stayed == (("22008", 1),)


def test_two_retries_and_a_replay_at_once_end_with_every_record_once(bronze, settings):
    values = [b'{"n":%d}' % n if n % 3 else NUL for n in range(300)]
    records = numbered([(b"1", value) for value in values])
    for first in range(0, 300, 50):
        seal(bronze.clients.objects, bronze.table, records[first : first + 50])
    bronze.load()
    expected = bronze.contents()
    put_aside_good(bronze, values)

    def work(do):
        with Clients(settings) as clients:
            do(clients)

    jobs = [
        lambda clients: retry(clients.database, table=bronze.table),
        lambda clients: retry(clients.database, table=bronze.table),
        lambda clients: load(
            clients.objects, clients.database, table=bronze.table, run="test", replay=True
        ),
    ]
    threads = [threading.Thread(target=work, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert bronze.contents() == expected


def put_aside_good(bronze, values):
    """Half of what loads, as if it had been refused once."""
    database = bronze.clients.database
    for offset, value in enumerate(values):
        if offset % 3 == 1:
            database.execute(
                """with moved as (
                    delete from bronze.product_cdc where kafka_offset = %s returning *
                ), counted as (
                    update bictl.object_ledger set n_loaded = n_loaded - 1,
                        n_quarantined = n_quarantined + 1
                    where object_key = (select batch_file from moved)
                )
                insert into bronze.cdc_quarantine
                select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp,
                    '1', %s, '22P02', 'an older program', batch_file from moved""",
                [offset, value],
            )
