{#- A view that other views read is replaced in place: dbt's own way, a new view beside it and the old
    one dropped with everything that depends on it, would take those with it. Where the columns do not
    fit, Postgres refuses and nothing is changed. -#}
{% materialization view, adapter='postgres' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or not existing.is_view or not bictl.view_readers(existing) -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {{ get_replace_view_sql(target, sql) }}
    {%- endcall %}
    {% do apply_grants(target, config.get('grants'), should_revoke=True) %}
    {% do persist_docs(target, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- How many views and the like read a relation. -#}
{% macro view_readers(relation) %}
    {%- set query -%}
        select count(distinct r.ev_class)
        from pg_depend d
        join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
        where d.refclassid = 'pg_class'::regclass
            and d.refobjid = to_regclass({{ dbt.string_literal(relation.include(database=False) | string) }})
            and r.ev_class <> d.refobjid
    {%- endset -%}
    {{ return(run_query(query).columns[0].values()[0]) }}
{% endmacro %}
