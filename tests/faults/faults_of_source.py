"""A live source behind a connector: what is lost behind its back, and what it cannot be asked."""

from catalogue import Truth, fault

ROWS = """insert into dbo."Product" ("ID", "Name", "Created")
    select n, 'product ' || n, now() from generate_series(%s::int, %s::int) n"""
COUNT = 120  # rows that the source begins with


def hide(bed):
    """The source goes on changing, and nobody captures it."""
    bed.source.sql(f'alter publication {bed.source.slot} drop table dbo."Product"')


def show(bed):
    """capture the table again"""
    bed.source.sql(f'alter publication {bed.source.slot} add table dbo."Product"')


def unseen(bed, *statements):
    """Changes that no connector ever sees."""
    hide(bed)
    for statement, *parameters in statements:
        bed.source.sql(statement, *parameters)
    show(bed)


def carry(bed):
    """bictl run, when the connector has written what there is"""
    for stage in ("ingest", "load-bronze", "transform", "embed"):
        done = bed.bictl(stage)
        assert done.exit_code == 0, (stage, done)


def written(bed, before):
    """Waits until the connector has written more records than before, and carries them."""
    bed.source.until(lambda: bed.source.end() >= before)
    carry(bed)


def snapshot_anew(bed):
    """bictl cdc stop, bictl cdc offsets reset, bictl cdc resume: a whole snapshot"""
    source = bed.source
    end = source.end()
    [(rows,)] = source.sql('select count(*) from dbo."Product"')
    stop(bed)
    status, body = source.rest("DELETE", f"/connectors/{source.name}/offsets")
    assert status == 200, body
    source.sql("select pg_drop_replication_slot(%s)", (source.slot,))
    resume(bed)
    written(bed, end + rows)


def is_read(bed):
    """Whether somebody reads the slot."""
    query = "select active from pg_replication_slots where slot_name = %s"
    return bed.source.sql(query, (bed.source.slot,)) == [(True,)]


def stop(bed):
    bed.source.rest("PUT", f"/connectors/{bed.source.name}/stop")
    bed.source.until(lambda: bed.source.states() == ["STOPPED"] and not is_read(bed))


def resume(bed):
    """bictl cdc resume"""
    bed.source.rest("PUT", f"/connectors/{bed.source.name}/resume")
    bed.source.until(lambda: bed.source.states() == ["RUNNING", "RUNNING"] and is_read(bed))


def as_it_was(bed):
    """correct what bictl is told of the source"""
    for name in [name for name in bed.given if name.startswith("BICTL_SOURCE_")]:
        del bed.given[name]


@fault("the source does not answer", violates="S1", repair=[as_it_was], on="source")
def source_away(bed):
    bed.given["BICTL_SOURCE_PORT"] = "1"
    return Truth(state="unknown", by=["S1"], said="127.0.0.1:1")


@fault("the source's password has changed", violates="S1", repair=[as_it_was], on="source")
def source_refuses(bed):
    bed.given["BICTL_SOURCE_PASSWORD"] = "another"
    return Truth(state="unknown", by=["S1"], said="password")


@fault("the source no longer captures the table", violates="S2", repair=[show], on="source")
def capture_disabled(bed):
    hide(bed)
    return Truth(state="fail", by=["S2"], said="are not in the publication")


@fault(
    "nobody reads the source's log: the connector is stopped",
    violates="S3 C1",
    repair=[resume],
    on="source",
)
def log_unread(bed):
    stop(bed)
    return Truth(state="warn", by=["S3"], said=bed.source.slot)


@fault(
    "the source has discarded changes that the connector had not read",
    violates="S4 S6, retention passed at the source",
    repair=[snapshot_anew],
    on="source",
)
def log_discarded(bed):
    stop(bed)
    bed.source.sql('delete from dbo."Product" where "ID" in (1, 2)')
    advance = "select pg_replication_slot_advance(%s, pg_current_wal_lsn())"
    bed.source.sql(advance, (bed.source.slot,))
    return Truth(state="loss", by=["S6"], keys=["1", "2"])


@fault(
    "rows were deleted while the table was not captured",
    violates="S5 S6",
    repair=[snapshot_anew],
    on="source",
)
def deleted_unseen(bed):
    unseen(bed, ('delete from dbo."Product" where "ID" in (7, 70)',))
    return Truth(state="loss", by=["S6"], keys=["7", "70"])


def touch(bed):
    """bictl cdc snapshot --table product; here: a change of each of those rows"""
    end = bed.source.end()
    bed.source.sql("""update dbo."Product" set "Name" = 'seen' where "ID" >= 5001""")
    written(bed, end + 2)


@fault(
    "rows were inserted while the table was not captured",
    violates="S5 S6",
    repair=[touch],
    on="source",
)
def inserted_unseen(bed):
    unseen(bed, (ROWS, (5001, 5002)))
    return Truth(state="loss", by=["S6"], keys=["5001", "5002"])


def rows_again(bed):
    """insert a row there, a whole snapshot, delete the row"""
    bed.source.sql(ROWS, (1, 2))
    snapshot_anew(bed)


@fault(
    "the source's table was emptied while it was not captured",
    violates="S5 S6",
    repair=[rows_again],
    on="source",
)
def truncated_unseen(bed):
    unseen(bed, ('truncate dbo."Product"',))
    return Truth(state="loss", by=["S5"], said=f"0 rows at the source, {COUNT} live keys")
