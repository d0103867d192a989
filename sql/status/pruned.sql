select sum(n_rows) from bictl.pruned_range where kafka_topic = %s
