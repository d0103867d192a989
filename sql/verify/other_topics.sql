select kafka_topic, count(*)
from {bronze}
where kafka_topic <> %(topic)s
group by kafka_topic
order by kafka_topic
