-- A vector to ask with.
select embedding::text from {table} where embedding is not null limit 1
