{#- Whether a change may hold Debezium's word in place of the column's value: one that it did not touch
    and that Postgres keeps outside of the row (TOAST). An insert may too: where a key changes, it is
    what becomes of the update, and the value came under the other key. -#}
{% macro cdc_is_carried(kind) %}{{ return(kind.family in ['text', 'bytes']) }}{% endmacro %}


{#- The row of `told`, each value that it lacks put in from the newest record before it that has one;
    null where bronze holds none, or where the key was deleted in between. The search costs only the
    rows that lack something: it is a subquery that nothing else runs. -#}
{% macro cdc_whole_row(bronze, keys, columns) -%}
        case when told.operation <> 'r' and (
            {%- for c in columns %}
            {{ 'or ' if not loop.first }}bronze.is_unavailable(told.row ->> {{ c.source }})
            {%- endfor %}
        ) then told.row || (
            select jsonb_object_agg(field.name, coalesce(carrier.value, 'null'))
            from unnest(array[{{ columns | map(attribute='source') | join(', ') }}]) as field (name)
            left join lateral (
                select case when operation <> 'd' then row -> field.name end as value
                from (
                    select
                        coalesce(g.generation_no, 0) as generation_no,
                        b.generation,
                        b.kafka_partition,
                        b.kafka_offset,
                        b.kafka_timestamp,
                        event,
                        bronze.cdc_operation(event, is_envelope) as operation,
                        bronze.cdc_row(event, is_envelope) as row
                    from {{ bronze }} as b
                    left join bronze.cdc_generation as g using (kafka_topic, generation)
                    cross join lateral (
                        select event, bronze.cdc_is_envelope(event) as is_envelope
                        from (
                            select bronze.cdc_event(b.cdc_payload) as event offset 0
                        ) as unwrapped
                        offset 0
                    ) as shaped
                    where
                        b.kafka_topic = record.kafka_topic
                        {%- for k in keys %}
                        and {{ k.function }}(b.kafka_key, b.cdc_payload, {{ k.source }})
                            = newest.{{ k.name }}
                        {%- endfor %}
                    offset 0
                ) as earlier
                cross join lateral (
                    select
                        generation = record.generation and kafka_partition = record.kafka_partition
                            as is_beside,
                        bronze.cdc_position(event) collate "C" as position
                    offset 0
                ) as placed
                where
                    (operation = 'd' or not bronze.is_unavailable(row ->> field.name))
                    and case
                        when is_beside then kafka_offset < record.kafka_offset
                        when generation <> record.generation
                            then generation_no < newest.generation_no
                        else coalesce(
                            position <= bronze.cdc_position(told.event) collate "C",
                            kafka_timestamp <= record.kafka_timestamp) end
                order by
                    generation_no desc,
                    is_beside desc,
                    case when is_beside then kafka_offset end desc,
                    position desc nulls last,
                    kafka_timestamp desc,
                    kafka_offset desc
                limit 1
            ) as carrier on true
            where bronze.is_unavailable(told.row ->> field.name)
        ) else told.row end
{%- endmacro %}
