-- Rows that staging does not have any more, or whose text is gone, lose their vectors.
delete from {table} e
where not exists (select from {embed_source} s where {same} and not s.is_empty)
