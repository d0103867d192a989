-- What was taken over, and where the old rows stand among the generations of their topics.
with
    generations as (
        insert into bronze.cdc_generation (kafka_topic, generation, generation_no)
        select distinct kafka_topic, %(generation)s::text, %(generation_no)s::integer from {table}
        on conflict (kafka_topic, generation) do nothing
    )
insert into bictl.takeover (bronze_table, kafka_topic, generation, generation_no, n_rows)
select
    %(bronze)s, %(topic)s, %(generation)s, %(generation_no)s,
    (select count(*) from {table})
on conflict (bronze_table) do update set
    kafka_topic = excluded.kafka_topic,
    generation = excluded.generation,
    generation_no = excluded.generation_no,
    n_rows = excluded.n_rows,
    migrated_at = now(),
    sealed_at = null
returning n_rows
