insert into bronze.cdc_generation (kafka_topic, generation, generation_no)
values (%(topic)s, %(generation)s, %(generation_no)s)
on conflict (kafka_topic, generation) do nothing
