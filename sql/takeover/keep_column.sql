-- A column that somebody's view reads, in another type than ours: it keeps its values under another
-- name, which the view follows by itself, and is filled in new rows too.
alter table {table} rename column {name} to {old};
alter table {table} alter column {old} drop not null, add column {name} %type%;
update {table} set {name} = %ours%;

create or replace function {function}() returns trigger language plpgsql as $$
begin
    new.{old} := %theirs%;
    return new;
end
$$;

create or replace trigger {old} before insert on {table}
    for each row execute function {function}();
