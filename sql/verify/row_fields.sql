,
sample as (
    select row_data
    from newest
    where not gone and jsonb_typeof(row_data) = 'object'
    limit 1000
)
select distinct jsonb_object_keys(row_data) from sample
