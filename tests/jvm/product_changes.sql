-- One of every kind of change; 3,073 records, tombstones included. Each statement is a transaction.
begin; update dbo."Product" set "Price" = "Price" + 1, "Updated" = '2024-02-29 12:34:56.789' where "ID" between 10 and 40; commit;
update dbo."Product" set "Description" = null where "ID" = 41;
update dbo."Product" set "Description" = '' where "ID" = 42;
update dbo."Product" set "Name" = 'O''Brien "quoted" \backslash ☃ NUL-free', "IsActive" = false, "Weight" = -12.3456 where "ID" = 43;
update dbo."Product" set "CategoryID" = null, "ManufacturerID" = null where "ID" in (44, 45);
update dbo."Product" set "Price" = "Price" where "ID" = 46;
begin; delete from dbo."Product" where "ID" between 50 and 59; commit;
update dbo."Product" set "ID" = 100001 where "ID" = 60;
begin; update dbo."Product" set "ID" = 100002, "Name" = 'both key and name' where "ID" = 61; commit;
insert into dbo."Product" values (100003, 'Brand new', 'NEW-1', null, null, null, null, null, null, 0.01, true, null, null, '2024-03-31 02:30:00', null);
insert into dbo."Product" values (50, 'Reborn 50', 'VC-50R', 'came back', 1, 2, 3, 4, 5, 99.99, true, 1, 1, '2024-05-05 05:05:05.5', null);
begin; insert into dbo."Product" values (100004, 'rolled back', 'X', null, null, null, null, null, null, 1, true, null, null, now(), null); rollback;
begin; insert into dbo."Product" values (100005, 'short life', 'SL', null, null, null, null, null, null, 1, true, null, null, '2024-01-01', null); update dbo."Product" set "Price" = 2 where "ID" = 100005; delete from dbo."Product" where "ID" = 100005; commit;
insert into dbo."Product" values (100006, 'extremes', 'EX', repeat('x', 20000), 99999999999999.9999, -99999999999999.9999, 0, 0.0001, -0.000001, 999999999999999.9999, true, 2147483647, -2147483648, '0001-01-01 00:00:00', '9999-12-31 23:59:59.999');
insert into dbo."Product" values (-5, 'negative key', 'NEG', null, null, null, null, null, null, -1.50, true, null, null, '1969-12-31 23:59:59.999999', null);
insert into dbo."Product" values (100007, 'last microsecond', 'MAX', null, null, null, null, null, null, 1, true, null, null, '9999-12-31 23:59:59.999999', '1969-12-31 23:59:59.999');
insert into dbo."Product" values (100008, 'no number', 'NAN', null, 'NaN', null, null, null, null, 1, true, null, null, '2024-01-01', null);
update dbo."Product" set "Updated" = clock_timestamp() where "ID" between 1000 and 3999;
