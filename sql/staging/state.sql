-- What a staging view shows depends on: bronze's rows, the order of generations, the field
-- descriptions, the decoders' version, and the view itself. Rows that were pruned count as if they
-- stood there: the view shows the same without them.
select
    (select count(*) from {table}) + coalesce(
        (select sum(n_rows) from bictl.pruned_range where kafka_topic = %(topic)s), 0
    )::bigint as records,
    (select max(id) from {table}) as newest_id,
    (select max(ingested_at) from {table} where id = (select max(id) from {table})) as newest,
    (select md5(string_agg(g::text, ',' order by g.kafka_topic, g.generation))
        from bronze.cdc_generation as g) as generations,
    (select max(id) from bronze.cdc_schema) as schemas,
    (select max(version) from bictl.schema_version) as version,
    md5(pg_get_viewdef(to_regclass(%(view)s))) as view
