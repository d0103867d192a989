-- Keys that exist, for a table whose key is no integer: those that are most like a text.
select distinct bronze.cdc_key_text(b.kafka_key, b.cdc_payload, %(column)s) as key
from (select kafka_key, cdc_payload from {bronze} limit 20000) b
where bronze.cdc_key_text(b.kafka_key, b.cdc_payload, %(column)s) is not null
limit 20000
