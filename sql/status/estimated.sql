-- Rows by the server's statistics: what it has seen come and go, else what it last analysed.
select greatest(pg_stat_get_live_tuples(oid), reltuples::bigint, 0) from pg_class where oid = %s::regclass
