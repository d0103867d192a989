-- The JVM stack's source, set up by its superuser through psql (:'user', :'password'); it may run at
-- every start. Every database that is made later has the table too, empty. Names and types are those
-- of SQL Server's dbo.Product, as Postgres has them: datetime2(7) is timestamp(6), datetime is
-- timestamp(3).
select format('create role %I login createdb replication password %L', :'user', :'password')
where not exists (select from pg_roles where rolname = :'user')
\gexec
\connect template1
set client_min_messages = warning;
create schema if not exists dbo authorization :"user";
select to_regclass('dbo."Product"') is null as missing
\gset
\if :missing
create table dbo."Product" (
    "ID" integer primary key,
    "Name" text not null,
    "VendorCode" text,
    "Description" text,
    "Weight" numeric(18, 4),
    "Length" numeric(18, 4),
    "Width" numeric(18, 4),
    "Height" numeric(18, 4),
    "Volume" numeric(18, 6),
    "Price" numeric(19, 4),
    "IsActive" boolean not null default true,
    "CategoryID" integer,
    "ManufacturerID" integer,
    "Created" timestamp(6) not null,
    "Updated" timestamp(3)
);
alter table dbo."Product" replica identity full;
alter table dbo."Product" owner to :"user";
\endif
\connect postgres
select format('create database "ConcordDb" owner %I', :'user')
where not exists (select from pg_database where datname = 'ConcordDb')
\gexec
