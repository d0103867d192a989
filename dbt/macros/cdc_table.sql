{#- The current state of a source table, from every record in bronze.

    bronze   the bronze table
    key      the key's columns at the source
    columns  (source column, its SQL Server type, our name), in the order of the result
    left_out source columns that are not shown on purpose: `bictl verify` does not miss them
    modes    how the connector writes values, for records that come without a schema (with one, the
             schema says it): {'decimal': precise | string | double, 'time': adaptive |
             adaptive_time_microseconds | connect, 'binary': bytes | base64 | base64-url-safe | hex},
             each the connector's own word (decimal.handling.mode …), the first one by default. Bytes
             that come as text need `binary` also with a schema, which does not tell hex from base64

    Behind the columns stand cdc_operation, source_timestamp, is_snapshot, ingested_at.

    The newest record of a key: the newest generation; inside a partition the highest offset; across
    partitions (a key moves when partitions are added) the source's position. It is found on narrow
    rows; the payload is read and decoded for that one record only. Filters on the key reach the
    key's index. -#}
{% macro cdc_table(bronze, key, columns, modes={}, left_out=[]) %}
{%- set named = bictl.cdc_columns(columns, bictl.cdc_modes(modes)) -%}
{%- set keys = bictl.cdc_keys(key, named) -%}
select
    {%- for c in named %}
    {%- set as_key = keys | selectattr('column', 'equalto', c.name) | first %}
    {%- if as_key is defined and c.kind.type in ['integer', 'bigint', 'text'] %}
    state.{{ as_key.name }} as {{ c.name }},
    {%- else %}
    {{ bictl.cdc_typed(c) }} as {{ c.name }},
    {%- endif %}
    {%- endfor %}
    state.operation as cdc_operation,
    bronze.decode_timestamp_ms(state.source_ms) at time zone 'UTC' as source_timestamp,
    state.snapshot <> 'false' as is_snapshot,
    state.ingested_at
from ({{ bictl.cdc_state(bronze, keys, named) }}) as state
-- OFFSET 0 keeps each step's values apart, so that no step works out the one before it more than
-- once; record_id in each makes the planner see that no two of them are alike.
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
                state.record_id
            offset 0
        ) as raw
        offset 0
    ) as hexed
    offset 0
) as decoded
{%- endmacro %}


{#- The newest record of each key that is there, opened: its operation, its row, and how the row's
    columns are encoded. The rows are made whole in a select list: what the planner thinks of that
    (dearly, though it is rare) says nothing then about how the tables are best joined. -#}
{% macro cdc_state(bronze, keys, named) %}
{%- set carried = [] -%}
{%- for c in named if bictl.cdc_is_carried(c.kind) -%}{%- do carried.append(c) -%}{%- endfor %}
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
        {%- for k in keys %}
        newest.{{ k.name }},
        {%- endfor %}
        newest.record_id,
        told.operation,
        {{ bictl.cdc_whole_row(bronze, keys, carried) if carried else 'told.row' }} as row,
        told.source_ms,
        told.snapshot,
        {%- for c in named if bictl.cdc_described(c.kind, '') %}
        described.unit{{ c.number }},
        {%- endfor %}
        record.ingested_at
    from newest
    inner join {{ bronze }} as record on record.id = newest.record_id
    left join described on described.id = record.schema_id
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
    ) as told
    where
        told.operation <> 'd'
        and not exists (
            select from closed
            where
                (
                    newest.generation_no < closed.generation_no
                    or newest.generation_no = closed.generation_no
                    and case when record.kafka_partition = closed.kafka_partition
                        then record.kafka_offset < closed.kafka_offset
                        else record.kafka_timestamp < closed.kafka_timestamp
                            -- partitions have clocks of their own: what the snapshot itself read
                            -- is told by its position
                            and not (
                                told.snapshot <> 'false'
                                and closed.position <> ''
                                and closed.generation = record.generation
                                and closed.position
                                    = bronze.cdc_position(told.event) collate "C"
                            ) end
                )
                and (
                    closed.source_table = ''
                    or {{ bictl.cdc_source_table('told.event') }} in ('', closed.source_table)
                )
        )
{% endmacro %}


{#- The columns with their kinds; `unit` is what the record's schema says, else the default. -#}
{% macro cdc_columns(columns, modes) %}
    {%- set found = [] -%}
    {%- for source_name, declared, name in columns -%}
        {%- set kind = bictl.cdc_type(declared, modes) -%}
        {%- do found.append({
            'number': loop.index,
            'source': bictl.cdc_literal(source_name),
            'name': adapter.quote(name),
            'kind': kind,
            'unit': 'coalesce(state.unit' ~ loop.index ~ ', ' ~ kind.unit ~ ')'}) -%}
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
                and bronze.cdc_is_row(earlier.cdc_payload)
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


{#- Which table of the source a record is of; several may be routed into one topic. -#}
{% macro cdc_source_table(event) -%}
concat_ws('.',
    {%- for part in ('db', 'schema', 'table') %}
    bronze.cdc_source({{ event }}, bronze.cdc_is_envelope({{ event }}), '{{ part }}')
    {{- ',' if not loop.last }}
    {%- endfor %})
{%- endmacro %}


{#- Where the newest finished snapshot of each source table began, when something was written before
    it: a key whose newest record was written before was not there anymore when the snapshot was
    taken. The log's order decides, not the source's position: a transaction that was open while the
    snapshot was taken comes behind it with older positions, and a restored source counts anew.

    Finished: a last marker with a first marker of the same position before it, and nothing of what
    stands between them in quarantine or not loaded: that may be of any key. A table of one row has
    only the last marker; that it is so is seen from the record right before it, where the topic has
    one partition. -#}
{% macro cdc_closed(bronze) -%}
marker as materialized (
    select
        coalesce(g.generation_no, 0) as generation_no,
        b.kafka_topic,
        b.generation,
        b.kafka_partition,
        b.kafka_offset,
        b.kafka_timestamp,
        bronze.cdc_snapshot_marker(b.cdc_payload) as marker,
        coalesce(bronze.cdc_position(unwrapped.event), '') collate "C" as position,
        {{ bictl.cdc_source_table('unwrapped.event') }} as source_table
    from {{ bronze }} as b
    left join bronze.cdc_generation as g using (kafka_topic, generation)
    cross join lateral (select bronze.cdc_event(b.cdc_payload) as event offset 0) as unwrapped
    where bronze.cdc_snapshot_marker(b.cdc_payload) in ('first', 'last')
),

-- What is not loaded, before an object that is: a damaged object, a loss, or what nobody has read.
hole as materialized (
    select *
    from (
        select
            kafka_topic,
            generation,
            kafka_partition,
            first_offset as to_offset,
            coalesce(max(next_offset) over earlier, 0) as from_offset,
            max(max_timestamp) over earlier as from_timestamp,
            min(min_timestamp) over later as to_timestamp
        from bictl.object_ledger
        window
            place as (
                partition by kafka_topic, generation, kafka_partition
                order by first_offset, next_offset
            ),
            earlier as (place rows between unbounded preceding and 1 preceding),
            later as (place rows between current row and unbounded following)
    ) as step
    where to_offset > from_offset
),

closed as materialized (
    select distinct on (ended.source_table)
        ended.source_table,
        ended.generation_no,
        ended.generation,
        ended.position,
        began.kafka_partition,
        began.kafka_offset,
        began.kafka_timestamp
    from marker as ended
    cross join lateral (
        select
            marker.kafka_partition,
            marker.kafka_offset,
            marker.kafka_timestamp
        from marker
        where
            marker.marker = 'first'
            and marker.kafka_topic = ended.kafka_topic
            and marker.generation = ended.generation
            and marker.source_table = ended.source_table
            and marker.position = ended.position
            and case when marker.kafka_partition = ended.kafka_partition
                then marker.kafka_offset < ended.kafka_offset
                else marker.kafka_timestamp <= ended.kafka_timestamp end

        union all

        select ended.kafka_partition, ended.kafka_offset, ended.kafka_timestamp
        where
            not exists (
                select from partition
                where
                    partition.kafka_topic = ended.kafka_topic
                    and partition.generation = ended.generation
                    and partition.kafka_partition <> ended.kafka_partition
            )
            and (
                ended.kafka_offset = 0
                or exists (
                    select
                    from {{ bronze }} as b
                    cross join lateral (
                        select bronze.cdc_event(b.cdc_payload) as event offset 0
                    ) as unwrapped
                    where
                        b.kafka_topic = ended.kafka_topic
                        and b.generation = ended.generation
                        and b.kafka_partition = ended.kafka_partition
                        and b.kafka_offset = ended.kafka_offset - 1
                        and (
                            coalesce(bronze.cdc_source(
                                unwrapped.event,
                                bronze.cdc_is_envelope(unwrapped.event),
                                'snapshot'), 'false') = 'false'
                            or coalesce(bronze.cdc_position(unwrapped.event), '') <> ended.position
                        )
                )
            )

        order by kafka_timestamp desc, kafka_offset desc
        limit 1
    ) as began
    where
        ended.marker = 'last'
        and not exists (
            select from bronze.cdc_quarantine as q
            where
                q.kafka_topic = ended.kafka_topic
                and q.generation = ended.generation
                and case when q.kafka_partition = began.kafka_partition
                    then q.kafka_offset > began.kafka_offset
                    else q.kafka_timestamp >= began.kafka_timestamp end
                and case when q.kafka_partition = ended.kafka_partition
                    then q.kafka_offset < ended.kafka_offset
                    else q.kafka_timestamp <= ended.kafka_timestamp end
        )
        and case
            when exists (
                select from oldest
                where
                    oldest.generation_no < ended.generation_no
                    or oldest.generation_no = ended.generation_no
                    and case when oldest.kafka_partition = began.kafka_partition
                        then oldest.kafka_offset < began.kafka_offset
                        else oldest.kafka_timestamp < began.kafka_timestamp end
            )
            then not exists (
                select from hole
                where
                    hole.kafka_topic = ended.kafka_topic
                    and hole.generation = ended.generation
                    and case when hole.kafka_partition = began.kafka_partition
                        then hole.to_offset > began.kafka_offset
                        else coalesce(hole.to_timestamp >= began.kafka_timestamp, true) end
                    and case when hole.kafka_partition = ended.kafka_partition
                        then hole.from_offset < ended.kafka_offset
                        else coalesce(hole.from_timestamp <= ended.kafka_timestamp, true) end
            )
            else false
        end
    order by
        ended.source_table,
        ended.generation_no desc,
        ended.kafka_timestamp desc,
        ended.kafka_offset desc
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
        first_record.kafka_partition,
        first_record.kafka_offset,
        first_record.kafka_timestamp
    from partition
    left join bronze.cdc_generation as g using (kafka_topic, generation)
    cross join lateral (
        select b.kafka_partition, b.kafka_offset, b.kafka_timestamp
        from {{ bronze }} as b
        where
            b.kafka_topic = partition.kafka_topic
            and b.generation = partition.generation
            and b.kafka_partition = partition.kafka_partition
        order by b.kafka_offset
        limit 1
    ) as first_record
)
{%- endmacro %}
