-- Nobody else writes the table until the end of the transaction; readers go on.
lock table {table} in share row exclusive mode
