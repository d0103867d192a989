-- Which model made the vectors; embed leaves no two of them behind.
select model from {table} where embedding is not null limit 1
