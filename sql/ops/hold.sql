-- The transaction that holds a lock, named after its command: it has no snapshot, so it keeps no
-- vacuum back, and no limit on idle transactions ends it.
select
    set_config('application_name', %s, true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    case when current_setting('transaction_timeout', true) is not null
        then set_config('transaction_timeout', '0', true) end
