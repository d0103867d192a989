"""One moment on two connections: what they have read is locked, each against the other's next."""

import threading

import pytest

from bictl.verify.one_snapshot import OneSnapshot

BRONZE = "bronze.product_cdc"
HUNG_UP = "select pg_terminate_backend(%s)"
OWN = "select pg_backend_pid()"
WAITING = "select count(*) from pg_locks where not granted and relation is not null"


def count(database):
    return database.value(f"select count(*) from {BRONZE}")


def beside(work):
    """The work in a thread, and where its result will be."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    return thread, found


def until(question):
    """Asks until there is something to be seen."""
    for _ in range(200):
        if question():
            return
        threading.Event().wait(0.05)
    raise AssertionError("nothing was seen within ten seconds")


@pytest.mark.timeout(60)
def test_a_reindex_between_two_readings_holds_nobody_up(pipeline):
    """It waits for what the first connection has read, and the second one waits for it."""
    with (
        pipeline.clients.new_database() as first,
        pipeline.clients.new_database() as admin,
        pipeline.clients.new_database() as looking,
    ):
        snapshot = OneSnapshot(first)
        snapshot.open()
        there = snapshot.read(count)
        tidied, _ = beside(lambda: admin.autocommit(f"reindex table {BRONZE}"))
        until(lambda: looking.value(WAITING) == 1)
        slow, _ = beside(lambda: snapshot.read(lambda one: one.rows("select pg_sleep(4)")))
        until(lambda: not snapshot._free)
        read, found = beside(lambda: snapshot.read(count))
        until(lambda: looking.value(WAITING) == 2)
        read.join(20)
        assert found == [there]
        assert not slow.is_alive()
        assert tidied.is_alive()
        snapshot.close()
        tidied.join(20)
        assert not tidied.is_alive()


def test_a_connection_that_has_died_does_not_hinder_the_end(pipeline):
    """What was read is known: the last word to a dead server takes nothing of it back."""
    with pipeline.clients.new_database() as first, pipeline.clients.new_database() as admin:
        snapshot = OneSnapshot(first)
        snapshot.open()
        pid = snapshot.read(lambda one: one.value(OWN))
        admin.value(HUNG_UP, [pid])
        snapshot.close()
        assert count(first) == count(admin)


@pytest.mark.timeout(60)
def test_a_second_connection_that_has_died_holds_nobody_up(pipeline):
    """One waits for a lock, so the second is closed; others read on the first."""
    with pipeline.clients.new_database() as first, pipeline.clients.new_database() as admin:
        snapshot = OneSnapshot(first)
        snapshot.open()
        both = threading.Barrier(2)

        def meet(one):
            both.wait(20)
            return one.value(OWN)

        other, found = beside(lambda: snapshot.read(meet))
        mine = snapshot.read(meet)
        other.join(20)
        second = next(pid for pid in (mine, *found) if pid != first.value(OWN))
        admin.value(HUNG_UP, [second])
        snapshot._free.sort(key=lambda one: one is first)  # the next one to read is the first
        with admin.transaction():
            admin.execute(f"lock table {BRONZE} in access exclusive mode")
            read, rows = beside(lambda: snapshot.read(count))
            until(lambda: not snapshot._parting and snapshot._most == 1)
        read.join(20)
        assert rows == [count(admin)]
        snapshot.close()
