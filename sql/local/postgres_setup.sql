-- The embedded Postgres's first set-up, by its superuser through psql (:'user', :'password');
-- it may run at every start. Every database that is made later has the vector extension too.
select format('create role %I login createdb createrole password %L', :'user', :'password')
where not exists (select from pg_roles where rolname = :'user')
\gexec
select format('create database %I owner %I', :'user', :'user')
where not exists (select from pg_database where datname = :'user')
\gexec
\connect template1
set client_min_messages = warning;
create extension if not exists vector;
\connect :user
set client_min_messages = warning;
create extension if not exists vector;
