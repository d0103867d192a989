insert into bictl.bronze_table (bronze_table, source_table)
values (%(bronze)s, %(source)s)
on conflict (bronze_table) do update set source_table = excluded.source_table
where bictl.bronze_table.source_table <> excluded.source_table
