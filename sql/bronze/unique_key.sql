-- An index that was made beside the table's users becomes its key.
alter table {table} add constraint {unique} unique using index {index}
