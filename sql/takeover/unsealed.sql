-- Whether old rows of a bronze table may still be in no sealed batch.
select exists (
    select from bictl.takeover where bronze_table = %(bronze)s and sealed_at is null
)
