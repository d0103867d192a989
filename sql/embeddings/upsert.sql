-- The vectors of a window to every row that has one of its texts. Sorted by key, so that two runs
-- at once wait for each other and never deadlock.
--
-- code_norm is the code in capitals without blanks and ASCII punctuation: the parser of tsvector
-- takes NOR-51107 for 'nor' and '-51107'. Words are kept as they are (simple, for any language) and
-- as English stems. A tsvector may hold 1 MB, hence 50,000 characters.
insert into {table} as e
    ({id}, embedding, content_hash, vector_hash, model, embedded_at, {label}, {code}, code_norm, tsv)
select
    {of_source},
    v.embedding,
    s.content_hash,
    sha256(s.content_hash || vector_send(v.embedding)),
    %(model)s,
    now(),
    s.name,
    s.code,
    nullif(upper(regexp_replace(s.code, '[\s!-/:-@\[-`{-~]', '', 'g')), ''),
    setweight(to_tsvector('simple', left(coalesce(s.code, ''), 1000)), 'A')
    || setweight(to_tsvector('english', left(coalesce(s.name, ''), 10000)), 'B')
    || setweight(to_tsvector('simple', left(coalesce(s.name, ''), 10000)), 'B')
    || setweight(to_tsvector('english', left(s.text, 50000)), 'D')
    || setweight(to_tsvector('simple', left(s.text, 50000)), 'D')
from {embed_source} s
join {embed_vector} v on v.text_no = s.text_no
order by {of_source}
on conflict ({id}) do update set
    embedding = excluded.embedding,
    content_hash = excluded.content_hash,
    vector_hash = excluded.vector_hash,
    model = excluded.model,
    embedded_at = excluded.embedded_at,
    {label} = excluded.{label},
    {code} = excluded.{code},
    code_norm = excluded.code_norm,
    tsv = excluded.tsv
