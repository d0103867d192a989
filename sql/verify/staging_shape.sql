select
    count(*) as rows,
    count({id}) as ids,
    count(distinct {id}) as distinct_ids,
    count(cdc_operation) as operations
from {staging}
