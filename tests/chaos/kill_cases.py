"""The stages that are killed: each with the world it starts from."""

from kills import Case
from world import World


def _without_view(world: World) -> None:
    world.execute("drop view staging_staging.stg_product cascade")


def _without_ack(world: World) -> None:
    bucket, s3 = world.settings.s3.bucket, world.systems.s3
    for key in world.systems.objects():
        if "/ack/" in key:
            s3.delete_object(Bucket=bucket, Key=key)


def _in_quarantine(world: World) -> None:
    """One record that Postgres takes stands in quarantine, as after a load with another setting."""
    place, (key, value) = next(iter(world.systems.produced().items()))
    at = f"kafka_partition = {place[0]} and kafka_offset = {place[1]}"
    with world.systems.cursor() as cursor:
        cursor.execute(
            "insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition,"
            " kafka_offset, kafka_timestamp, raw_key, raw_value, sqlstate, reason, batch_file)"
            " select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, %s,"
            f" %s, '54001', 'too deep', batch_file from bronze.product_cdc where {at}",
            (key, value),
        )
        cursor.execute(f"delete from bronze.product_cdc where {at} returning batch_file")
        cursor.execute(
            "update bictl.object_ledger set n_loaded = n_loaded - 1,"
            " n_quarantined = n_quarantined + 1 where object_key = %s",
            cursor.fetchone(),
        )


def _damaged(world: World) -> None:
    world.execute(
        "delete from bronze.product_cdc where kafka_offset < 5",
        "delete from analytics_features.product_embeddings where product_id in"
        " (select product_id from staging_staging.stg_product order by 1 limit 5)",
    )


CASES = {
    case.name: case
    for case in (
        Case("migrate", "migrate", "empty", has_staging=False, compared=False, whole=False),
        Case("ingest", "ingest", "vectors alone", counted="records"),
        Case("load-bronze", "load-bronze", "vectors and objects", counted="loaded"),
        Case("load-bronze --replay", "load-bronze --replay", "embedded"),
        Case("transform", "transform", "embedded", _without_view),
        Case("embed", "embed", "loaded", counted="embedded"),
        Case("run", "run", "migrated"),
        Case("verify", "verify", "embedded"),
        Case(
            "prune",
            "prune --below 0:30 --below 1:30 --yes",
            "verified",
            compared=False,
            whole=False,
            counted="rows",
        ),
        Case(
            "ack",
            "ack --table product --quarantine 22P05 --reason known --person tests",
            "embedded",
            _without_ack,
        ),
        Case(
            "quarantine retry",
            "quarantine retry --reason 54001",
            "embedded",
            _in_quarantine,
            counted="loaded",
        ),
        Case("repair", "repair", "verified", _damaged, whole=False),
    )
}
