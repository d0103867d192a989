-- The next texts to encode; what stands beyond 8,000 characters is far beyond what a model reads.
select distinct on (text_no) text_no, left(text, 8000)
from {embed_source}
where text_no > %(after)s and text_no <= %(limit)s
order by text_no
limit %(size)s
