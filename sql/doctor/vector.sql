-- pgvector's version in this database, and the one that the server could install.
select
    (select extversion from pg_extension where extname = 'vector'),
    (select default_version from pg_available_extensions where name = 'vector')
