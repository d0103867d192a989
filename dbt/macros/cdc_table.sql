{#- The current state of a source table, from every record in bronze.

    bronze   the bronze table
    key      the key's columns at the source
    columns  (source column, its SQL Server type, our name), in the order of the result

    Behind the columns stand cdc_operation, source_timestamp, is_snapshot, ingested_at.

    The newest record of a key: the newest generation; inside a partition the highest offset; across
    partitions (a key moves when partitions are added) the source's position. It is found on narrow
    rows; the payload is read and decoded for that one record only. Filters on the key reach the
    key's index. -#}
{% macro cdc_table(bronze, key, columns) %}
{%- set named = bictl.cdc_columns(columns) -%}
{%- set keys = bictl.cdc_keys(key, named) -%}
with recursive described as materialized (
    select
        id
        {%- for c in named if bictl.cdc_described(c.kind, '') %},
        {{ bictl.cdc_described(c.kind, 'fields -> ' ~ c.source) }} as unit{{ c.number }}
        {%- endfor %}
    from bronze.cdc_schema
),

{{ bictl.cdc_closed(bronze) }},

{{ bictl.cdc_newest(bronze, keys) }}

select
    {%- for c in named %}
    {%- set as_key = keys | selectattr('column', 'equalto', c.name) | first %}
    {%- if as_key is defined and c.kind.type in ['integer', 'bigint', 'text'] %}
    newest.{{ as_key.name }} as {{ c.name }},
    {%- else %}
    {{ bictl.cdc_typed(c) }} as {{ c.name }},
    {%- endif %}
    {%- endfor %}
    state.operation as cdc_operation,
    bronze.decode_timestamp_ms(state.source_ms) at time zone 'UTC' as source_timestamp,
    state.snapshot <> 'false' as is_snapshot,
    record.ingested_at
from newest
inner join {{ bronze }} as record on record.id = newest.record_id
left join described on described.id = record.schema_id
-- OFFSET 0 keeps each step's values apart, so that no step works out the one before it more than
-- once; record_id in each makes the planner see that no two of them are alike.
cross join lateral (
    select
        record_id,
        event,
        bronze.cdc_operation(event, is_envelope) as operation,
        bronze.cdc_row(event, is_envelope) as row,
        bronze.decode_bigint_text(bronze.cdc_source(event, is_envelope, 'ts_ms')) as source_ms,
        coalesce(bronze.cdc_source(event, is_envelope, 'snapshot'), 'false') as snapshot
    from (
        select record_id, event, bronze.cdc_is_envelope(event) as is_envelope
        from (
            select newest.record_id, bronze.cdc_event(record.cdc_payload) as event offset 0
        ) as unwrapped
        offset 0
    ) as shaped
    offset 0
) as state
cross join lateral (
    select
        {%- for c in named if bictl.cdc_is_number(c.kind) %}
        {{ bictl.cdc_number(c) }} as n{{ c.number }},
        {%- endfor %}
        record_id
    from (
        select
            *
            {%- for c in named if c.kind.family == 'decimal' %},
            bronze.decimal_hex(v{{ c.number }}, t{{ c.number }}, {{ c.unit }}) as x{{ c.number }}
            {%- endfor %}
        from (
            select
                {%- for c in named if bictl.cdc_is_number(c.kind) %}
                state.row -> {{ c.source }} as v{{ c.number }},
                {%- if c.kind.family == 'decimal' %}
                state.row ->> {{ c.source }} as t{{ c.number }},
                {%- endif %}
                {%- endfor %}
                newest.record_id
            offset 0
        ) as raw
        offset 0
    ) as hexed
    offset 0
) as decoded
where
    state.operation <> 'd'
    and not exists (
        select from closed
        where (newest.generation_no, bronze.cdc_position(state.event) collate "C")
            < (closed.generation_no, closed.position)
    )
{%- endmacro %}


{#- The columns with their kinds; `unit` is what the record's schema says, else the default. -#}
{% macro cdc_columns(columns) %}
    {%- set found = [] -%}
    {%- for source_name, declared, name in columns -%}
        {%- set kind = bictl.cdc_type(declared) -%}
        {%- do found.append({
            'number': loop.index,
            'source': bictl.cdc_literal(source_name),
            'name': adapter.quote(name),
            'kind': kind,
            'unit': 'coalesce(described.unit' ~ loop.index ~ ', ' ~ kind.unit ~ ')'}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{#- The expression of each key column; an integer key is one, so that a filter finds the index. -#}
{% macro cdc_keys(key, named) %}
    {%- set found = [] -%}
    {%- for source_name in key -%}
        {%- set column = named | selectattr('source', 'equalto', bictl.cdc_literal(source_name)) | first -%}
        {%- if column is not defined -%}
            {{ exceptions.raise_compiler_error("key column '" ~ source_name ~ "' is not a column") }}
        {%- endif -%}
        {%- set type = {'integer': 'integer', 'smallint': 'integer', 'bigint': 'bigint'}.get(
            column.kind.type, 'text') -%}
        {%- do found.append({
            'name': 'key_' ~ loop.index,
            'column': column.name,
            'source': column.source,
            'function': 'bronze.cdc_key_' ~ type}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{#- The newest record of each key. A key is nearly always in one partition, so the others are looked
    at apart, and only where a table has several partitions: to the planner that work is cheap. -#}
{% macro cdc_newest(bronze, keys) -%}
{%- set key_names = keys | map(attribute='name') | join(', ') -%}
newest as (
    select {{ key_names }}, generation_no, record_id
    from ({{ bictl.cdc_newest_of_partition(bronze, keys) }}) as counted
    where partitions < 2

    union all

    (
        select distinct on ({{ key_names }}) {{ key_names }}, generation_no, record_id
        from ({{ bictl.cdc_newest_of_partition(bronze, keys) }}) as rival
        -- A tombstone stands where the record before it stands; one with nothing before it
        -- (compaction) behind what is older by the clock.
        left join lateral (
            select
                earlier.kafka_partition = rival.kafka_partition as same_partition,
                bronze.cdc_position(bronze.cdc_event(earlier.cdc_payload)) collate "C" as position
            from {{ bronze }} as earlier
            where
                earlier.kafka_topic = rival.kafka_topic
                and earlier.generation = rival.generation
                {%- for k in keys %}
                and {{ k.function }}(earlier.kafka_key, earlier.cdc_payload, {{ k.source }})
                    = rival.{{ k.name }}
                {%- endfor %}
                and bronze.cdc_event(earlier.cdc_payload) is not null
                and case when earlier.kafka_partition = rival.kafka_partition
                    then earlier.kafka_offset <= rival.kafka_offset
                    else earlier.kafka_timestamp <= rival.kafka_timestamp end
            order by
                same_partition desc,
                case when earlier.kafka_partition = rival.kafka_partition
                    then earlier.kafka_offset end desc,
                position desc nulls last
            limit 1
        ) as place on true
        where
            (select count(*) > 1 from partition)
            and case when partitions > 1 then 1 else 0 end = 1
        order by
            {{ key_names }}, rival.generation_no desc, place.position desc nulls last,
            rival.kafka_timestamp desc, rival.kafka_offset desc
    )
)
{%- endmacro %}


{#- Each key's newest record in each partition, and in how many partitions the key is. -#}
{% macro cdc_newest_of_partition(bronze, keys) -%}
{%- set key_names = keys | map(attribute='name') | join(', ') %}
        select *, count(*) over (partition by {{ key_names }}) as partitions
        from (
            select distinct on ({{ key_names }}, generation_no, b.kafka_partition)
                {%- for k in keys %}
                {{ k.function }}(b.kafka_key, b.cdc_payload, {{ k.source }}) as {{ k.name }},
                {%- endfor %}
                coalesce(g.generation_no, 0) as generation_no,
                b.kafka_topic,
                b.generation,
                b.kafka_partition,
                b.kafka_offset,
                b.kafka_timestamp,
                b.id as record_id
            from {{ bronze }} as b
            left join bronze.cdc_generation as g using (kafka_topic, generation)
            where
                {%- for k in keys %}
                {{ 'and ' if not loop.first
                }}{{ k.function }}(b.kafka_key, b.cdc_payload, {{ k.source }}) is not null
                {%- endfor %}
            order by {{ key_names }}, generation_no, b.kafka_partition, b.kafka_offset desc
        ) as newest_of_partition
{%- endmacro %}


{#- The newest finished snapshot, when records are older than it: a key whose newest record is older
    was not there anymore when the snapshot was taken. The first snapshot of a topic closes nothing,
    and that is found out from the first record of each partition, not from all records. -#}
{% macro cdc_closed(bronze) -%}
finished_snapshot as (
    select
        coalesce(g.generation_no, 0) as generation_no,
        bronze.cdc_position(bronze.cdc_event(b.cdc_payload)) collate "C" as position
    from {{ bronze }} as b
    left join bronze.cdc_generation as g using (kafka_topic, generation)
    where bronze.cdc_snapshot_marker(b.cdc_payload) in ('first', 'last')
    group by 1, 2
    having
        bool_or(bronze.cdc_snapshot_marker(b.cdc_payload) = 'first')
        and bool_or(bronze.cdc_snapshot_marker(b.cdc_payload) = 'last')
    order by 1 desc, 2 desc nulls last
    limit 1
),

partition as (
    (
        select kafka_topic, generation, kafka_partition
        from {{ bronze }}
        order by kafka_topic, generation, kafka_partition
        limit 1
    )
    union all
    select next.kafka_topic, next.generation, next.kafka_partition
    from partition
    cross join lateral (
        select b.kafka_topic, b.generation, b.kafka_partition
        from {{ bronze }} as b
        where (b.kafka_topic, b.generation, b.kafka_partition)
            > (partition.kafka_topic, partition.generation, partition.kafka_partition)
        order by b.kafka_topic, b.generation, b.kafka_partition
        limit 1
    ) as next
),

oldest as (
    select
        coalesce(g.generation_no, 0) as generation_no,
        bronze.cdc_position(bronze.cdc_event(first_record.cdc_payload)) collate "C" as position
    from partition
    left join bronze.cdc_generation as g using (kafka_topic, generation)
    cross join lateral (
        select b.cdc_payload
        from {{ bronze }} as b
        where
            b.kafka_topic = partition.kafka_topic
            and b.generation = partition.generation
            and b.kafka_partition = partition.kafka_partition
            and bronze.cdc_event(b.cdc_payload) is not null
        order by b.kafka_offset
        limit 1
    ) as first_record
),

closed as materialized (
    select generation_no, position
    from finished_snapshot
    where exists (
        select from oldest
        where (oldest.generation_no, oldest.position)
            < (finished_snapshot.generation_no, finished_snapshot.position)
    )
)
{%- endmacro %}
