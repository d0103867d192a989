-- The generation that old rows were given which may still be in no sealed batch.
select generation, generation_no
from bictl.takeover
where bronze_table = %(bronze)s and sealed_at is null
