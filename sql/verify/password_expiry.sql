-- Until when this role's password is good; null where that has no end.
select nullif(rolvaliduntil, 'infinity')
from pg_roles
where rolname = current_user
