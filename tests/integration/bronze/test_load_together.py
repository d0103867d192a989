"""Several loaders at once do the work once; a broken connection is taken up again."""

import threading

import pytest
from batches import numbered, seal, seal_all

from bictl.bronze import load
from bictl.clients import Clients
from bictl.clients.database import Database


def at_once(settings, count, work):
    """Runs `work(clients)` in `count` threads that start together; their results."""
    barrier, results, failures = threading.Barrier(count), [], []

    def run():
        try:
            with Clients(settings) as clients:
                clients.database.value("select 1")
                barrier.wait()
                results.append(work(clients))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    return results


def test_eight_loaders_at_once_do_the_work_once(bronze, settings, fixture_records):
    samples = fixture_records("product_schema")[:1200]
    samples[100] = (b"1", b"not JSON", [], 1_715_682_225_123)
    keys = seal_all(bronze.clients.objects, bronze.table, numbered(samples), size=40)

    results = at_once(
        settings,
        8,
        lambda clients: load(clients.objects, clients.database, table=bronze.table, run="w"),
    )

    assert sum(result.objects for result in results) == len(keys)
    assert sum(result.loaded for result in results) == 1199
    assert sum(result.quarantined for result in results) == 1
    assert all(result.objects + result.known == len(keys) for result in results)
    assert bronze.value("select sum(n_loaded) from bictl.object_ledger") == 1199
    assert {offset for _, _, offset in bronze.events()} == set(range(1200)) - {100}


def test_a_connection_that_breaks_is_opened_anew_once(bronze):
    keys = seal_all(bronze.clients.objects, bronze.table, numbered([(b"1", b"{}")] * 30), size=10)
    other = bronze.clients.new_database()

    def break_it(progress):
        if progress.done == 1:
            other.execute(
                "select pg_terminate_backend(%s)",
                [bronze.clients.database.value("select pg_backend_pid()")],
            )

    result = bronze.load(on_progress=break_it)
    other.close()

    assert (result.objects, result.loaded) == (len(keys), 30)


def test_two_schemas_of_one_content_are_interned_once(bronze, settings):
    value = b'{"schema":{"type":"struct","fields":[]},"payload":{"n":%d}}'
    for number in range(16):
        seal(
            bronze.clients.objects,
            bronze.table,
            numbered([(b"1", value % number)]),
            partition=number,
        )

    at_once(
        settings,
        8,
        lambda clients: load(clients.objects, clients.database, table=bronze.table, run="w"),
    )

    assert bronze.value("select count(*) from bronze.cdc_schema") == 1
    assert bronze.value("select count(distinct schema_id) from bronze.product_cdc") == 1


@pytest.fixture
def counted(monkeypatch):
    """The statements that a load sends."""
    sent = []
    execute = Database.execute

    def spy(self, query, parameters=()):
        sent.append(query)
        return execute(self, query, parameters)

    monkeypatch.setattr(Database, "execute", spy)
    return sent


def test_a_load_with_nothing_new_writes_nothing(bronze, counted):
    seal(bronze.clients.objects, bronze.table, numbered([(b"1", b"{}")]))
    bronze.load()
    counted.clear()

    bronze.load()

    assert counted == []
