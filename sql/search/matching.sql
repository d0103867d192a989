-- The keys that a condition names.
matching as materialized (select s.{id} as id from {staging} s where {condition}),
