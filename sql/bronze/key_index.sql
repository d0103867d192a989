-- What the staging models' views look up: the records of a key, newest first. `columns` are the key's
-- columns, each by bronze.cdc_key_integer, _bigint or _text; `how` is `if not exists` in a table that
-- is being made, `concurrently` in one that is in use.
create index {how} {index} on {table} ({columns}, kafka_offset desc)
