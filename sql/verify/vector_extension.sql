-- pgvector's version in this database.
select extversion from pg_extension where extname = 'vector'
