"""Records that stand more than once in bronze, because its key was gone: each once again.

What a record is says its sealed object, so the rows are taken out and the objects loaded anew, in
one transaction with the making of the key: a killed run leaves everything as it was.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bictl.bronze import unique_key
from bictl.bronze.account import LoadResult
from bictl.bronze.load import heads, loaded_anew
from bictl.errors import StageFailed
from bictl.records import Manifest, OnProgress, Range, Stop, never_stop, no_progress

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.objects import ObjectStore
    from bictl.settings import Table


def undouble(
    objects: "ObjectStore",
    database: "Database",
    *,
    table: "Table",
    keys: Sequence[str],
    run: str,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> LoadResult:
    """Loads the objects anew whose records stand more than once, and makes the unique key.

    Raises StageFailed, and changes nothing, when a record stands more than once that none of the
    objects holds, when an object is damaged, or when `stop` says so.
    """
    infos = heads(objects, database, keys)
    ranges = [Manifest.from_metadata(objects.head(info.key)[1]) for info in infos]
    with database.transaction():
        database.execute(database.named("bronze/lock_writers", table=table.bronze))
        values = {"topic": table.topic, "covered": [_covered(one) for one in ranges]}
        taken = database.rows(database.named("bronze/take_doubled", table=table.bronze), values)
        unique_key.make_at_once(database, table)
        result = loaded_anew(
            objects, database, infos, table=table, run=run, on_progress=on_progress, stop=stop
        )
        result.raise_failures()
        if result.left:
            raise StageFailed("stopped: everything is as it was")
        _check_all_back(database, table, taken)
    return result


def _covered(one: Manifest) -> str:
    return f"{one.generation} {one.partition} {one.first} {one.next}"


def _check_all_back(
    database: "Database", table: "Table", taken: Sequence[tuple[str, int, int]]
) -> None:
    places = [f"{generation} {partition} {offset}" for generation, partition, offset in taken]
    gone = database.rows(
        database.named("bronze/not_back", table=table.bronze),
        {"topic": table.topic, "places": places},
    )
    if gone:
        partition, offset = gone[0]
        raise StageFailed(
            f"{len(gone)} records that stand more than once are in no object, the first is"
            f" {Range(partition, offset, offset + 1)}: everything is as it was",
            hint=f"bictl trace --table {table.name} --offset {partition}:{offset}",
        )
