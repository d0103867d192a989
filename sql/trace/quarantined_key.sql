-- Records in the quarantine that may be of a key: their bytes hold some of its own.
select q.generation, coalesce(g.generation_no, 0) as generation_no, q.kafka_partition,
    q.kafka_offset, q.kafka_timestamp, q.raw_key, q.raw_value
from bronze.cdc_quarantine q
left join bronze.cdc_generation g using (kafka_topic, generation)
where q.kafka_topic = %(topic)s
    and position(%(needle)s::bytea in coalesce(q.raw_key, q.raw_value, '')) > 0
order by q.generation, q.kafka_partition, q.kafka_offset desc
limit %(most)s
