-- The best rows by meaning, by words and by exact code, fused by reciprocal rank (k = 60). Without
-- a weight of its own an exact code would share the first place with the nearest meaning.
--
-- With a condition every row that it names is compared; without one the HNSW index is walked. The
-- caller puts sql/search/matching.sql, its filter and what keeps the index out into their places.
-- A key's columns are called id_1, id_2 … here.
with asked as (
    select
        %(vector)s::vector as vector,
        websearch_to_tsquery('english', %(text)s) || websearch_to_tsquery('simple', %(text)s)
            as words
),
{matching}
near as (
    select {places}, row_number() over (order by distance, {places}) as place
    from (
        select {columns}, e.embedding <=> (select vector from asked) as distance
        from {table} e
        where %(by_meaning)s {among}
        order by {exactly} (e.embedding <=> (select vector from asked))
        limit %(depth)s
    ) n
),
worded as (
    select {places}, row_number() over (order by rank desc, {places}) as place
    from (
        select {columns}, ts_rank_cd(e.tsv, (select words from asked)) as rank
        from {table} e
        where %(by_words)s and e.tsv @@ (select words from asked) {among}
        order by rank desc, {places}
        limit %(depth)s
    ) w
),
found as (
    select distinct {columns}, c.code
    from (
        select upper(regexp_replace(g, '[\s!-/:-@\[-`{-~]', '', 'g')) as code
        from unnest(%(codes)s::text[]) as g
    ) c
    join {table} e on e.code_norm = c.code
    where %(by_words)s {among}
    order by {places}
    limit 1000
),
coded as (
    select distinct {places}, 1 as place
    from found f
    where not exists ( -- 51107 is not meant where NOR-51107 was asked for and is there
        select from found o
        where length(o.code) > length(f.code) and strpos(o.code, f.code) > 0
    )
),
fused as (
    select {places}, sum(weight / (60 + place)) as score, array_agg(source) as sources
    from (
        select {places}, place, 3.0 as weight, 'code' as source from coded
        union all
        select {places}, place, 1.0, 'words' from worded
        union all
        select {places}, place, 1.0, 'meaning' from near
    ) listed
    group by {places}
    order by score desc, {places}
    limit %(depth)s
),
terms as (
    select word, query
    from (
        select
            word,
            at,
            plainto_tsquery('english', word) as stems,
            plainto_tsquery('english', word) || plainto_tsquery('simple', word) as query
        from unnest(%(words)s::text[]) with ordinality as w (word, at)
    ) t
    where numnode(stems) > 0
    order by at
)
select
    {of_found},
    f.score::float8,
    (1 - (e.embedding <=> (select vector from asked)))::float8 as similarity,
    f.sources,
    array(select word from terms where e.tsv @@ query) as words
from fused f
join {table} e on {same}
order by f.score desc, {of_found}
