-- What a table takes on disk: rows, what is stored beside them, indexes.
select pg_total_relation_size(to_regclass(%(table)s))
