-- What the server is: version in words and as a number, encoding, whether it only reads.
select
    current_setting('server_version'),
    current_setting('server_version_num')::int,
    current_setting('server_encoding'),
    pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean
