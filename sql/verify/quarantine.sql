-- What bronze could not hold, by reason.
select sqlstate, reason, count(*), min(kafka_offset), max(kafka_offset), min(quarantined_at)
from bronze.cdc_quarantine
where kafka_topic = %(topic)s
group by sqlstate, reason
order by count(*) desc, sqlstate, reason
