-- Why Postgres refuses a suspect as jsonb: the key's reason before the value's.
select distinct on (s.n) s.n, why.sql_error_code, part.name || ': ' || why.message || coalesce(': ' || why.detail, '')
from pg_temp.bictl_suspect s
cross join lateral (values (1, 'key', s.kafka_key), (2, 'value', s.cdc_payload))
    as part (no, name, text)
cross join lateral pg_input_error_info(part.text, 'jsonb') why
where part.text is not null and why.sql_error_code is not null
order by s.n, part.no
