-- A key's vector, and whether it is that of a text with this hash.
select
    model,
    embedded_at,
    content_hash is distinct from %(hash)s::bytea as is_stale
from {table}
where ({id}) = %(id)s
