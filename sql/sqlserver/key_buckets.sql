-- Keys by the first 12 bits of the MD5 of their text: bucket, how many, and the sum of the low 60 bits
-- of the hashes. {key} is the text, {table} the table. Reads every key, committed ones only.
select
    parts.bucket,
    count_big(*) as row_count,
    sum(cast(parts.low as decimal(38, 0))) as total
from {table}
cross apply (select hashbytes('MD5', {key}) as digest) as hashed
cross apply (
    select
        convert(int, substring(hashed.digest, 1, 2)) / 16 as bucket,
        convert(bigint, substring(hashed.digest, 9, 8)) & 1152921504606846975 as low
) as parts
group by parts.bucket;
