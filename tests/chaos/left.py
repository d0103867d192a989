"""What a death left, as one digest: two deaths that left the same are healed by the same rerun.

A stage reads far more often than it writes, and a death between two reads leaves what the one
before it left. So each point is killed, and of the points with one digest the first one is run
again; the rerun knows nothing of a death but what it left. What every run writes anew (ids, times,
numbers of processes) is masked. What still moves has no digest, and is run again each time.
"""

import gzip
import re
from pathlib import Path

import oracle
from oracle import Systems

_VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:?\d\d)?|Z)?|\d{8}T\d{6}"
    r"|\b[0-9a-f]{16,64}\b|\d+\.\d+"
)
_TABLES = """
    select format('%I.%I', n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    order by 1"""
_SHAPE = """
    select 'view', format('%I.%I', schemaname, viewname), definition from pg_views
    where schemaname !~ '^pg_' and schemaname <> 'information_schema'
    union all
    select 'constraint', conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint
    where conrelid <> 0
    order by 1, 2, 3"""
_SESSIONS = """
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
        and backend_type = 'client backend' and application_name <> 'oracle'"""
_OF_A_RUN = ("pid", "id", "result")  # its result has durations and addresses of its own


def left(systems: Systems, state_dir: Path, *, since: float) -> str | None:
    """The digest; None while a process or a session of the dead still lives. `since` is when the
    beginning was made (time.time): of dbt's own files it only counts which are newer."""
    if oracle.processes_of(state_dir):
        return None
    with systems.cursor() as cursor:
        cursor.execute(_SESSIONS)
        if cursor.fetchone()[0]:
            return None
        rows = [*oracle._rows(cursor, oracle.QUERIES["relations"]), *oracle._rows(cursor, _SHAPE)]
        for (table,) in oracle._rows(cursor, _TABLES):
            less = " ".join(f"- '{name}'" for name in _OF_A_RUN) if table == "bictl.run" else ""
            query = f"select '{table}', (to_jsonb(t) {less})::text from {table} t"
            rows += sorted((name, _masked(row)) for name, row in oracle._rows(cursor, query))
    objects = [
        (_masked(key), _masked(_text(key, body)), _masked(repr(sorted(metadata.items()))))
        for key, (body, metadata) in systems.objects().items()
    ]
    return oracle.digest([*rows, *sorted(objects), *systems.uploads(), *_files(state_dir, since)])


def _files(state_dir: Path, since: float) -> list[tuple[str, object]]:
    found = []
    for path in state_dir.rglob("*"):
        name = _masked(str(path.relative_to(state_dir)))
        if path.is_file() and not name.startswith("logs/"):
            is_dbt = name.startswith("dbt/")
            told = path.stat().st_mtime > since if is_dbt else _masked(path.read_text("latin-1"))
            found.append((name, told))
    return sorted(found)


def _text(key: str, body: bytes) -> str:
    return (gzip.decompress(body) if key.endswith(".gz") else body).decode("latin-1")


def _masked(text: str) -> str:
    return _VARYING.sub("*", text)
