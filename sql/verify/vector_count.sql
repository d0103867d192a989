-- How many vectors there are.
select count(*) from {embeddings} where embedding is not null
