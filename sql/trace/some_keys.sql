-- Keys that exist, for those that are most like one in letters: `named` are the texts of their
-- columns, `there` says that each is there.
select distinct {named}
from (select kafka_key, cdc_payload from {bronze} limit 20000) b
where {there}
