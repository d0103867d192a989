-- How much there is to do, before anything is written.
select
    count(*) as rows,
    count(*) filter (where is_empty) as empty,
    count(*) filter (where text_no <= %(limit)s) as changed,
    coalesce(max(text_no) filter (where text_no <= %(limit)s), 0) as texts,
    (select count(*) from {table}) as stored
from {embed_source}
