-- Each loaded object's records, and how many of them became rows of bronze.
select object_key, max(n_records), sum(n_loaded)
from bictl.object_ledger
where kafka_topic = %s
group by object_key
