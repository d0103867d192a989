-- The source database of the development compose file: three tables, a few rows, change data
-- capture on each, and the login that Debezium reads with. Does nothing twice.
-- sqlcmd takes $(DEBEZIUM_PASSWORD) from its environment, and with -b it stops at the first error.
set nocount on;
if unicode(N'К') <> 1050
    throw 50000, N'this file was not read as UTF-8: start sqlcmd with LC_ALL=C.UTF-8', 1;
go

if db_id(N'ConcordDb') is null create database ConcordDb;
go

use ConcordDb;
go

if object_id(N'dbo.Category') is null
create table dbo.Category (
    ID int identity(1, 1) not null primary key,
    Name nvarchar(200) not null,
    ParentID int null
);

if object_id(N'dbo.Manufacturer') is null
create table dbo.Manufacturer (
    ID int identity(1, 1) not null primary key,
    Name nvarchar(200) not null,
    Country nvarchar(100) null
);

if object_id(N'dbo.Product') is null
create table dbo.Product (
    ID int identity(1, 1) not null primary key,
    Name nvarchar(500) not null,
    VendorCode nvarchar(100) null,
    Description nvarchar(max) null,
    Weight decimal(18, 4) null,
    Length decimal(18, 4) null,
    Width decimal(18, 4) null,
    Height decimal(18, 4) null,
    Volume decimal(18, 6) null,
    Price money null,
    IsActive bit not null default 1,
    CategoryID int null references dbo.Category (ID),
    ManufacturerID int null references dbo.Manufacturer (ID),
    Created datetime2(7) not null default sysutcdatetime(),
    Updated datetime null
);
go

if not exists (select 1 from dbo.Product)
begin
    insert into dbo.Category (Name) values (N'Кріплення'), (N'Насоси'), (N'Tools');
    insert into dbo.Manufacturer (Name, Country) values (N'Київметиз', N'UA'), (N'Ärger GmbH', N'DE');
    insert into dbo.Product (Name, VendorCode, Description, Weight, Price, CategoryID, ManufacturerID)
    values
        (N'Болт М8 оцинкований', N'VC-000001', N'ГОСТ 7798, 8.8', 0.0420, 3.5000, 1, 1),
        (N'Насос відцентровий', N'VC-000002', null, 12.5000, 4199.9900, 2, 2),
        (N'Impact driver 18 V', N'VC-000003', N'Brushless, two batteries', 1.6500, 5499.0000, 3, 2);
end;
go

if not exists (select 1 from sys.databases where name = N'ConcordDb' and is_cdc_enabled = 1)
    exec sys.sp_cdc_enable_db;
go

-- Debezium never reads net changes, so they are not kept.
declare @name sysname;
declare tables cursor local fast_forward for
    select t.name from sys.tables t
    where t.schema_id = schema_id(N'dbo') and t.name in (N'Product', N'Category', N'Manufacturer')
        and t.is_tracked_by_cdc = 0;
open tables;
fetch next from tables into @name;
while @@fetch_status = 0
begin
    exec sys.sp_cdc_enable_table
        @source_schema = N'dbo', @source_name = @name, @role_name = null, @supports_net_changes = 0;
    fetch next from tables into @name;
end;
go

use master;
go

if not exists (select 1 from sys.server_principals where name = N'debezium')
begin
    create login debezium with password = N'$(DEBEZIUM_PASSWORD)', default_database = ConcordDb;
end;
grant view server state to debezium; -- whether the Agent runs
go

use ConcordDb;
go

if user_id(N'debezium') is null create user debezium for login debezium;
alter role db_datareader add member debezium;
grant select on schema::cdc to debezium;
go

-- How long changes are kept: what `bictl cdc check` reads beside Debezium's own rights.
use msdb;
go

if user_id(N'debezium') is null create user debezium for login debezium;
grant select on dbo.cdc_jobs to debezium;
go
