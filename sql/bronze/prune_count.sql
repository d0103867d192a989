)
select count(*), coalesce(sum(bytes), 0)::bigint from leaving
