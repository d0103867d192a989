-- cord-category.ConcordDb.dbo.Category as it is now:
-- one row per key, decoded from its newest record.
{{ bictl.cdc_table(
    bronze=source('bronze', 'category_cdc'),
    key=['ID'],
    columns=[
        ('ID', 'int', 'category_id'),
        ('Name', 'nvarchar', 'name'),
        ('ParentID', 'int', 'parent_id'),
    ],
) }}
