-- A staging view for the simple case only: one generation, one partition, one snapshot, wrapped
-- envelopes, scales known in advance, and an index on its own key expression.
create schema baseline;

create function baseline.decimal(b text, u numeric) returns numeric
language sql immutable parallel safe as $$
    select case
        when octet_length(b) % 4 <> 0 or octet_length(rtrim(b, '=')) not between 2 and 11
            or b !~ '^[A-Za-z0-9+/]+={0,2}$' then null
        else (('x' || encode(decode(b, 'base64'), 'hex'))::bit(64)::bigint
            >> (64 - 8 * ((octet_length(rtrim(b, '=')) * 3) / 4)))::numeric * u end
$$;

create index on bronze.product_cdc (((kafka_key -> 'payload' ->> 'ID')::integer), kafka_offset desc);

create view baseline.stg_product as
select
    product_id,
    after ->> 'Name' as name,
    after ->> 'VendorCode' as vendor_code,
    after ->> 'Description' as description,
    baseline.decimal(after ->> 'Weight', 0.0001)::numeric(18,4) as weight,
    baseline.decimal(after ->> 'Length', 0.0001)::numeric(18,4) as length,
    baseline.decimal(after ->> 'Width', 0.0001)::numeric(18,4) as width,
    baseline.decimal(after ->> 'Height', 0.0001)::numeric(18,4) as height,
    baseline.decimal(after ->> 'Volume', 0.000001)::numeric(18,6) as volume,
    baseline.decimal(after ->> 'Price', 0.0001)::numeric(19,4) as price,
    (after ->> 'IsActive')::boolean as is_active,
    (after ->> 'CategoryID')::integer as category_id,
    (after ->> 'ManufacturerID')::integer as manufacturer_id,
    timestamp '1970-01-01' + ((after ->> 'Created')::bigint / 1000) * interval '1 microsecond'
        as created_at,
    timestamp '1970-01-01' + (after ->> 'Updated')::bigint * interval '1 millisecond' as updated_at,
    op as cdc_operation,
    to_timestamp(source_ms / 1000.0) as source_timestamp,
    snapshot <> 'false' as is_snapshot,
    ingested_at
from (
    select distinct on ((kafka_key -> 'payload' ->> 'ID')::integer)
        (kafka_key -> 'payload' ->> 'ID')::integer as product_id,
        cdc_payload -> 'payload' -> 'after' as after,
        cdc_payload -> 'payload' ->> 'op' as op,
        (cdc_payload -> 'payload' -> 'source' ->> 'ts_ms')::bigint as source_ms,
        cdc_payload -> 'payload' -> 'source' ->> 'snapshot' as snapshot,
        ingested_at
    from bronze.product_cdc
    where cdc_payload is not null
    order by (kafka_key -> 'payload' ->> 'ID')::integer, kafka_offset desc
) as newest
where op <> 'd'
