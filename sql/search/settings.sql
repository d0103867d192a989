-- For this transaction: enough neighbours from HNSW, also where some of them are dead; an end;
-- and no time spent on compiling what runs for some milliseconds.
select
    set_config('jit', 'off', true),
    set_config('hnsw.ef_search', %(neighbours)s::text, true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true),
    set_config('statement_timeout', %(timeout)s::text, true)
