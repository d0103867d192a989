-- The rows of staging behind some keys, as they are now: a product that was deleted after the last
-- embed is not among them.
select s.* from {staging} s where ({id}) in %(ids)s and ({condition})
