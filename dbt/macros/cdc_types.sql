{#- A source column's SQL type: how it is decoded, its type here, and how Debezium encodes it by
    default (for records that come without a schema). -#}
{% macro cdc_type(declared) %}
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
            'type': 'numeric(' ~ precision ~ ',' ~ scale ~ ')', 'unit': '1e-' ~ scale}) }}
    {%- elif base == 'real' or (base == 'float' and sizes and sizes[0] <= 24) -%}
        {{ return({'family': 'float', 'fit': 'real', 'type': 'real'}) }}
    {%- elif base in ['float', 'double'] -%}
        {{ return({'family': 'float', 'fit': 'double', 'type': 'double precision'}) }}
    {%- elif base in ['bit', 'boolean'] -%}
        {{ return({'family': 'boolean', 'type': 'boolean'}) }}
    {%- elif base == 'date' -%}
        {{ return({'family': 'date', 'type': 'date', 'unit': 'days'}) }}
    {%- elif base in ['time', 'datetime2', 'datetime', 'smalldatetime'] -%}
        {%- set digits = 3 if base in ['datetime', 'smalldatetime'] else (sizes + [7])[0] -%}
        {%- set family = 'time' if base == 'time' else 'timestamp' -%}
        {{ return({'family': family, 'type': family,
            'unit': 'ms' if digits <= 3 else 'us' if digits <= 6 else 'ns'}) }}
    {%- elif base == 'datetimeoffset' -%}
        {{ return({'family': 'timestamptz', 'type': 'timestamptz', 'unit': 'iso'}) }}
    {%- elif base in ['char', 'varchar', 'nchar', 'nvarchar', 'text', 'ntext', 'xml', 'sysname',
        'uniqueidentifier'] -%}
        {{ return({'family': 'text', 'type': 'text'}) }}
    {%- elif base in ['binary', 'varbinary', 'image', 'rowversion', 'timestamp', 'hierarchyid'] -%}
        {{ return({'family': 'bytes', 'type': 'bytea'}) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error("unknown SQL Server type '" ~ declared ~ "'") }}
{% endmacro %}


{#- How a column of the family goes from the row's JSON to its type, in three steps. Each step is a
    subquery of its own, so that no step evaluates the one before it more than once. -#}

{#- What the schema says about the column's encoding, asked once a schema; '' when it is not needed. -#}
{% macro cdc_described(kind, field) %}
    {%- if kind.family == 'decimal' -%} bronze.decimal_unit({{ field }})
    {%- elif kind.unit is defined -%} bronze.time_unit({{ field }})
    {%- endif -%}
{% endmacro %}


{#- The number behind the JSON value; '' where the last step reads the JSON itself. -#}
{% macro cdc_decoded(kind, value, described) %}
    {%- if kind.family == 'decimal' -%}
        bronze.decode_number({{ value }}, coalesce({{ described }}, {{ kind.unit }}))
    {%- elif kind.family in ['whole', 'float'] -%} bronze.decode_number({{ value }}, 0)
    {%- elif kind.unit is defined -%} bronze.decode_bigint({{ value }})
    {%- endif -%}
{% endmacro %}


{#- The value in its type, or NULL where it does not fit. -#}
{% macro cdc_typed(kind, row_value, described, decoded) %}
    {%- set unit = "coalesce(" ~ described ~ ", '" ~ kind.unit ~ "')" -%}
    {%- set iso = "bronze.decode_iso_timestamptz(" ~ row_value ~ ")" -%}
    {%- if kind.family == 'decimal' -%}
        case when abs(round({{ decoded }}, {{ kind.scale }})) < 1e{{ kind.precision - kind.scale }}
            then {{ decoded }}::{{ kind.type }} end
    {%- elif kind.family in ['whole', 'float'] -%} bronze.fit_{{ kind.fit }}({{ decoded }})
    {%- elif kind.family == 'boolean' -%}
        case {{ row_value }} when 'true' then true when 'false' then false end
    {%- elif kind.family == 'date' -%} bronze.decode_date({{ decoded }})
    {%- elif kind.family == 'time' -%} bronze.decode_time({{ decoded }}, {{ unit }})
    {%- elif kind.family == 'timestamp' -%}
        case {{ unit }} when 'iso' then {{ iso }} at time zone 'UTC'
            else bronze.decode_timestamp({{ decoded }}, {{ unit }}) end
    {%- elif kind.family == 'timestamptz' -%}
        case {{ unit }} when 'iso' then {{ iso }}
            else bronze.decode_timestamp({{ decoded }}, {{ unit }}) at time zone 'UTC' end
    {%- elif kind.family == 'bytes' -%} bronze.decode_base64({{ row_value }})
    {%- else -%} {{ row_value }}
    {%- endif -%}
{% endmacro %}


{% macro cdc_literal(text) %}'{{ text | replace("'", "''") }}'{% endmacro %}
