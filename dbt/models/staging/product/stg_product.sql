-- ConcordDb.dbo.Product as it is now: one row per product, decoded from its newest record.
{{ bictl.cdc_table(
    bronze=source('bronze', 'product_cdc'),
    key=['ID'],
    columns=[
        ('ID', 'int', 'product_id'),
        ('Name', 'nvarchar', 'name'),
        ('VendorCode', 'nvarchar', 'vendor_code'),
        ('Description', 'nvarchar', 'description'),
        ('Weight', 'decimal(18,4)', 'weight'),
        ('Length', 'decimal(18,4)', 'length'),
        ('Width', 'decimal(18,4)', 'width'),
        ('Height', 'decimal(18,4)', 'height'),
        ('Volume', 'decimal(18,6)', 'volume'),
        ('Price', 'decimal(19,4)', 'price'),
        ('IsActive', 'bit', 'is_active'),
        ('CategoryID', 'int', 'category_id'),
        ('ManufacturerID', 'int', 'manufacturer_id'),
        ('Created', 'datetime2(7)', 'created_at'),
        ('Updated', 'datetime', 'updated_at'),
    ]
) }}
