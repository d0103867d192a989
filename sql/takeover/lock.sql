-- Nobody reads or writes the table while it is converted; new rows of a script wait.
lock table {table} in access exclusive mode
