vacuum (analyze, skip_locked) {table}
