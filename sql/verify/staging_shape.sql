select count(*), count({id}), count(distinct {id}), count(cdc_operation) from {staging}
