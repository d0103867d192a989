"""embed killed at the worst moments; a plain rerun ends where an undisturbed run does."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest
from environment import plain_environment

WINDOW = 32
ROWS = 100
# Runs embed and holds still inside the second window: in the COPY's bytes, before the COMMIT is
# sent, or right after it was answered.
DRIVER = textwrap.dedent(
    """
    import io, sys, time
    from bictl.clients import Clients, database, vectors
    from bictl.embeddings import embed, stage
    from bictl.settings import load

    stage.WINDOW = %(window)d
    moment, seen = sys.argv[1], {"copies": 0, "commits": 0}

    def hold():
        print("held", flush=True)
        time.sleep(600)

    class Held(io.BytesIO):
        def read(self, size=-1):
            data = super().read(4096)
            if moment == "copy" and seen["copies"] == 2 and self.tell() > 8192:
                hold()
            return data

    body = vectors.copy_body
    def copy_body(*given):
        seen["copies"] += 1
        return Held(body(*given).read())
    vectors.copy_body = copy_body

    execute = database.Database.execute
    def watched(self, query, parameters=()):
        last = query == "commit" and seen["copies"] == 2
        if last and moment == "before commit":
            hold()
        answer = execute(self, query, parameters)
        if last and moment == "after commit":
            hold()
        return answer
    database.Database.execute = watched

    settings = load(config=sys.argv[2], environment={})
    with Clients(settings) as clients:
        embed(
            clients.database,
            clients.encoder,
            table=settings.table("product"),
            staging_schema=settings.dbt.view_schema,
        )
    """
) % {"window": WINDOW}


@pytest.mark.parametrize(
    ("moment", "state", "query", "kept"),
    [
        ("copy", "active", "copy %embed_vector%", WINDOW),
        ("before commit", "idle in transaction", "%insert into %", WINDOW),
        ("after commit", "idle", "commit", 2 * WINDOW),
    ],
)
def test_a_killed_run_loses_a_window_at_most(shop, settings, moment, state, query, kept):
    shop.fill(ROWS)
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, moment, str(settings.path)],
        stdout=subprocess.PIPE,
        text=True,
        env=plain_environment(),
    )
    with process:
        assert process.stdout.readline() == "held\n"
        inside = shop.database.rows(
            "select state from pg_stat_activity where datname = current_database() "
            "and pid <> pg_backend_pid() and query like %s",
            [query],
        )
        assert inside == [(state,)]  # the kill hits where it is meant to
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=10) == -signal.SIGKILL
    _await_end_of_sessions(shop)
    assert len(shop.stored()) == kept

    assert shop.embed().embedded == ROWS - kept

    shop.embed(into="analytics_features.undisturbed")
    ours, undisturbed = shop.stored(), shop.stored("analytics_features.undisturbed")
    assert {(key, digest) for key, (digest, _) in ours.items()} == {
        (key, digest) for key, (digest, _) in undisturbed.items()
    }
    for key, (_, vector) in ours.items():
        assert vector == pytest.approx(undisturbed[key][1], abs=1e-6)
    assert shop.difference().rows == {"ok": ROWS}
    assert shop.search("steel part").hits


def _await_end_of_sessions(shop) -> None:
    """The server rolls back when it sees that its client is gone."""
    others = """select count(*) from pg_stat_activity where datname = current_database()
        and pid <> pg_backend_pid() and backend_type = 'client backend'"""
    deadline = time.monotonic() + 20
    while shop.database.value(others):
        assert time.monotonic() < deadline
        time.sleep(0.02)
