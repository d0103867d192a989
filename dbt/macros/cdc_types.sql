{#- A source column's SQL type: how it is decoded, its type here, and how Debezium encodes it in these
    modes (for records that come without a schema). One word is not SQL Server's: `number` is a decimal
    of any scale, Postgres's numeric without one.

    A datetimeoffset becomes an instant, timestamptz: its offset and its seventh digit are not kept.
    Who needs them lists the column a second time as nvarchar, which shows the text of the wire. -#}
{% macro cdc_type(declared, modes) %}
    {%- set base = declared.split('(')[0] | trim | lower -%}
    {%- set sizes = declared.split('(')[1].split(')')[0].split(',') | map('trim') | map('int') | list
        if '(' in declared and 'max' not in declared | lower else [] -%}
    {%- if base in ['int', 'integer'] -%}
        {{ return({'family': 'whole', 'fit': 'integer', 'type': 'integer'}) }}
    {%- elif base == 'bigint' -%}
        {{ return({'family': 'whole', 'fit': 'bigint', 'type': 'bigint'}) }}
    {%- elif base in ['smallint', 'tinyint'] -%}
        {{ return({'family': 'whole', 'fit': 'smallint', 'type': 'smallint'}) }}
    {%- elif base in ['decimal', 'numeric', 'money', 'smallmoney'] -%}
        {%- set known = {'money': [19, 4], 'smallmoney': [10, 4]} -%}
        {%- set precision, scale = known.get(base, (sizes + [18, 0])[:2] if sizes | length != 1
            else [sizes[0], 0]) -%}
        {{ return({'family': 'decimal', 'precision': precision, 'scale': scale,
            'type': 'numeric(' ~ precision ~ ',' ~ scale ~ ')',
            'unit': '1e-' ~ scale if modes.decimal == 'precise' else '0',
            'most': '9' * (precision - scale) ~ '.' ~ '9' * scale}) }}
    {%- elif base == 'number' -%}
        {{ return({'family': 'decimal', 'type': 'numeric', 'unit': '0'}) }}
    {%- elif base == 'real' or (base == 'float' and sizes and sizes[0] <= 24) -%}
        {{ return({'family': 'float', 'fit': 'real', 'type': 'real'}) }}
    {%- elif base in ['float', 'double'] -%}
        {{ return({'family': 'float', 'fit': 'double', 'type': 'double precision'}) }}
    {%- elif base in ['bit', 'boolean'] -%}
        {{ return({'family': 'boolean', 'type': 'boolean'}) }}
    {%- elif base == 'date' -%}
        {{ return({'family': 'date', 'type': 'date', 'unit': "'days'"}) }}
    {%- elif base in ['time', 'datetime2', 'datetime', 'smalldatetime'] -%}
        {%- set digits = 3 if base in ['datetime', 'smalldatetime'] else (sizes + [7])[0] -%}
        {%- set family = 'time' if base == 'time' else 'timestamp' -%}
        {%- if modes.time == 'connect' -%} {%- set unit = 'ms' -%}
        {%- elif modes.time == 'adaptive_time_microseconds' and base == 'time' -%}
            {%- set unit = 'us' -%}
        {%- elif base == 'datetime2' and digits == 7 -%} {%- set unit = '100ns' -%}
        {%- else -%} {%- set unit = 'ms' if digits <= 3 else 'us' if digits <= 6 else 'ns' -%}
        {%- endif -%}
        {{ return({'family': family, 'type': family, 'unit': "'" ~ unit ~ "'"}) }}
    {%- elif base == 'datetimeoffset' -%}
        {{ return({'family': 'timestamptz', 'type': 'timestamptz', 'unit': "'iso'"}) }}
    {%- elif base in ['char', 'varchar', 'nchar', 'nvarchar', 'text', 'ntext', 'xml', 'sysname',
        'uniqueidentifier'] -%}
        {{ return({'family': 'text', 'type': 'text'}) }}
    {%- elif base in ['binary', 'varbinary', 'image', 'rowversion', 'timestamp', 'hierarchyid'] -%}
        {{ return({'family': 'bytes', 'type': 'bytea', 'as_text': modes.binary | replace('bytes', ''),
            'unit': "'" ~ modes.binary | replace('bytes', 'base64') ~ "'"}) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error("unknown SQL Server type '" ~ declared ~ "'") }}
{% endmacro %}


{#- The modes with what is left out at its default; one that no connector has is an error. -#}
{% macro cdc_modes(given) %}
    {%- set known = {
        'decimal': ['precise', 'string', 'double'],
        'time': ['adaptive', 'adaptive_time_microseconds', 'connect'],
        'binary': ['bytes', 'base64', 'base64-url-safe', 'hex']} -%}
    {%- set modes = {} -%}
    {%- for name, words in known.items() -%}
        {%- do modes.update({name: given.get(name, words[0])}) -%}
    {%- endfor -%}
    {%- for name, word in given.items() if word not in known.get(name, []) -%}
        {{ exceptions.raise_compiler_error("modes: '" ~ name ~ "' cannot be '" ~ word ~ "', it is "
            ~ "one of " ~ (known.get(name, known.keys()) | join(', '))) }}
    {%- endfor -%}
    {{ return(modes) }}
{% endmacro %}


{#- How a column goes from the row's JSON to its type. Each step is a column of a subquery of its
    own (v, t, x, n and the column's number), so that none works out the one before it twice. -#}

{#- What the schema says about the column's encoding, asked once a schema; '' where nothing is. -#}
{% macro cdc_described(kind, field) %}
    {%- if kind.family == 'decimal' -%} bronze.decimal_unit({{ field }})
    {%- elif kind.family == 'bytes' -%} bronze.binary_unit({{ field }}, '{{ kind.as_text }}')
    {%- elif kind.family == 'timestamp' -%}
        case when {{ field }} ->> 'name' = 'io.debezium.time.NanoTimestamp'
                and not jsonb_path_exists(cdc_schema.schema,
                    '$.fields[*] ? (@.field == "source" && !(@.name like_regex "sqlserver"))')
            then '100ns' else bronze.time_unit({{ field }}) end
    {%- elif kind.unit is defined -%} bronze.time_unit({{ field }})
    {%- endif -%}
{% endmacro %}


{#- Whether the column's value is a number on the wire. -#}
{% macro cdc_is_number(kind) %}
    {{ return(kind.family not in ['boolean', 'text', 'bytes']) }}
{% endmacro %}


{#- The number behind the JSON value. -#}
{% macro cdc_number(column) %}
    {%- set v = 'v' ~ column.number -%}
    {%- if column.kind.family == 'decimal' -%}
        bronze.decode_decimal({{ v }}, t{{ column.number }}, x{{ column.number }}, {{ column.unit }})
    {%- elif column.kind.unit is defined -%} bronze.decode_bigint({{ v }})
    {%- else -%} bronze.decode_number({{ v }})
    {%- endif -%}
{% endmacro %}


{#- The value in its type, or NULL where it does not fit. -#}
{% macro cdc_typed(column) %}
    {%- set kind = column.kind -%}
    {%- set text = 'state.row ->> ' ~ column.source -%}
    {%- set number = 'decoded.n' ~ column.number -%}
    {%- set iso = 'bronze.decode_iso_timestamptz(' ~ text ~ ')' -%}
    {%- if kind.most is defined -%}
        (case when {{ number }} between -{{ kind.most }} and {{ kind.most }} or {{ number }} = 'NaN'
            then {{ number }} end)::{{ kind.type }}
    {%- elif kind.family == 'decimal' -%} {{ number }}
    {%- elif kind.family in ['whole', 'float'] -%} bronze.fit_{{ kind.fit }}({{ number }})
    {%- elif kind.family == 'boolean' -%}
        case {{ text }} when 'true' then true when 'false' then false end
    {%- elif kind.family == 'date' -%} bronze.decode_date({{ number }})
    {%- elif kind.family == 'time' -%} bronze.decode_time({{ number }}, {{ column.unit }})
    {%- elif kind.family == 'timestamp' -%}
        case {{ column.unit }} when 'iso' then {{ iso }} at time zone 'UTC'
            when '100ns' then {{ bictl.cdc_nanoseconds(number) }}
            else bronze.decode_timestamp({{ number }}, {{ column.unit }}) end
    {%- elif kind.family == 'timestamptz' -%}
        case {{ column.unit }} when 'iso' then {{ iso }}
            else bronze.decode_timestamp({{ number }}, {{ column.unit }}) at time zone 'UTC' end
    {%- elif kind.family == 'bytes' -%}
        bronze.decode_binary(state.row -> {{ column.source }}, {{ column.unit }})
    {%- else -%} {{ text }}
    {%- endif -%}
{% endmacro %}


{#- A datetime2(7) from its nanoseconds. 64 bits of them reach from 1677 to 2262 only, and Debezium lets
    them wrap; but SQL Server counts in steps of 100 ns, and 2^64 is no multiple of 100, so the last
    two digits say how often: n + k * 2^64 is a multiple of 100 for one k between the years 0001 and
    9999, from -3 to 14. With n = 4m that is: m + 4k is a multiple of 25, so k is 6m in 25. -#}
{% macro cdc_nanoseconds(number) -%}
    {%- set turns = '((' ~ number ~ ' / 4 % 25 * 6 + 150) % 25)' -%}
    case when {{ number }} % 100 = 0 or {{ number }} % 4 <> 0
        then bronze.decode_timestamp({{ number }}, 'ns')
        else bronze.decode_timestamp_us(floor( -- times 0.001 is exact, by 1000 is not
            ({{ number }} + (({{ turns }} + 10) % 25 - 10) * 18446744073709551616) * 0.001)::bigint)
        end
{%- endmacro %}


{% macro cdc_literal(text) %}'{{ text | replace("'", "''") }}'{% endmacro %}
