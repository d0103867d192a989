-- The HNSW index that search by meaning walks: cosine distance, built after the vectors are in
-- (filling an indexed table takes six times as long).
--
--   psql -f sql/search/create_hnsw_index.sql
--
-- `bictl embed` runs this file too, statement by statement, since CREATE INDEX CONCURRENTLY must
-- not run in a transaction. For another table it puts that table's name in the place of
-- analytics_features.product_embeddings, and <table>_hnsw in that of product_embeddings_hnsw; do
-- the same by hand. A build that died leaves an invalid index of that name: drop it first
-- (`bictl embed` does).
--
-- A graph of 61,443 vectors takes 120 MB, one of 500,000 takes 1 GB: the build is several times
-- faster while it fits into maintenance_work_mem. Parallel workers need that much shared memory;
-- in a container with the usual 64 MB set max_parallel_maintenance_workers to 0.

set maintenance_work_mem = '1GB';

create index concurrently if not exists product_embeddings_hnsw
    on analytics_features.product_embeddings
    using hnsw (embedding vector_cosine_ops)
    with (m = 16, ef_construction = 64);

reset maintenance_work_mem;
