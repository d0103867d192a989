-- The raw keys of the quarantine.
select raw_key
from bronze.cdc_quarantine
where kafka_topic = %s and raw_key is not null
