-- When bronze last got rows of a topic, as the ledger has it.
select max(loaded_at) from bictl.object_ledger where kafka_topic = %(topic)s and n_loaded > 0
