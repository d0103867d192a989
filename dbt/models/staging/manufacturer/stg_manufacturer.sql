-- cord-manufacturer.ConcordDb.dbo.Manufacturer as it is now:
-- one row per key, decoded from its newest record.
{{ bictl.cdc_table(
    bronze=source('bronze', 'manufacturer_cdc'),
    key=['ID'],
    columns=[
        ('ID', 'int', 'manufacturer_id'),
        ('Name', 'nvarchar', 'name'),
        ('Country', 'nvarchar', 'country'),
    ],
) }}
