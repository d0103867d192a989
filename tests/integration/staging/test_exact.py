"""Every cell of the real events equals the truth that was written down when they were made."""

import gzip
import json
from pathlib import Path

import pytest
from batches import Written, numbered
from truth import NOT_IN_EVENTS, expected, is_text_of_postgres, normal

FIXTURES = Path(__file__).parents[2] / "fixtures" / "sqlserver"
PRODUCT = {  # the source's types, by our names
    "product_id": ("ID", "int"),
    "name": ("Name", "nvarchar"),
    "vendor_code": ("VendorCode", "nvarchar"),
    "description": ("Description", "nvarchar"),
    "weight": ("Weight", "decimal(18,4)"),
    "length": ("Length", "decimal(18,4)"),
    "width": ("Width", "decimal(18,4)"),
    "height": ("Height", "decimal(18,4)"),
    "volume": ("Volume", "decimal(18,6)"),
    "price": ("Price", "decimal(19,4)"),
    "is_active": ("IsActive", "bit"),
    "category_id": ("CategoryID", "int"),
    "manufacturer_id": ("ManufacturerID", "int"),
    "created_at": ("Created", "datetime2(7)"),
    "updated_at": ("Updated", "datetime"),
}


def truth(name):
    return json.loads(gzip.decompress((FIXTURES / f"{name}.json.gz").read_bytes()))


@pytest.mark.parametrize("shape", ["schema", "plain", "plain_string", "unwrapped"])
def test_every_product_cell_equals_the_truth(staging, fixture_records, shape):
    staging.load(numbered(fixture_records(f"product_{shape}")))

    columns = ", ".join(f"{name}::text" for name in PRODUCT)
    shown = {row[0]: row for row in staging.rows(f"select {columns} from {staging.view}")}
    rows = truth("truth_product")["rows"]
    assert shown.keys() == rows.keys()
    wrong = [
        (id, name, cell, row[source])
        for id, row in rows.items()
        for (name, (source, declared)), cell in zip(PRODUCT.items(), shown[id], strict=True)
        if normal(declared, cell) != expected(declared, row[source])
    ]
    assert wrong == []
    assert len(rows) * len(PRODUCT) == 2037 * 15


ZOO = {
    name: declared.removesuffix(" NULL").removesuffix(" NOT")
    for name, declared in truth("zoo_truth")["columns"].items()
    if name not in NOT_IN_EVENTS
}
MODEL = """{{{{ cdc_table(
    bronze=source('bronze', 'product_cdc'),
    key=['ID'],
    columns=[('ID', 'int', 'id'), {columns}]
) }}}}"""


def zoo_view(view_of):
    columns = ", ".join(f"('{name}', '{declared}', '{name}')" for name, declared in ZOO.items())
    return view_of("stg_zoo", MODEL.format(columns=columns))


def as_insert(sample, side, id, true):
    """The image of one side as a record of its own, so that the newest record is each of them; a
    text that Postgres cannot hold is left out, the loader's tests show that it is quarantined."""
    value = json.loads(sample[1])
    event = value.get("payload", value)
    row = {
        name: cell
        for name, cell in event[side].items()
        if name not in ZOO or is_text_of_postgres(true[name])
    }
    event.update(before=None, after=row | {"ID": id}, op="c")
    compact = {"separators": (",", ":")}  # as the connector writes it
    return json.dumps({"ID": id}, **compact).encode(), json.dumps(value, **compact).encode()


def test_megabyte_values_of_the_type_zoo(view_of, fixture_records):
    staging = zoo_view(view_of)
    written = truth("zoo_big_truth")
    (row,) = written["rows"].values()
    true = {name: row[name] for name in ZOO}
    staging.load(numbered([as_insert(fixture_records("zoo_big")[0], "after", 1, true)]))

    columns = ", ".join(f"{name}::text" for name in ZOO)
    shown = staging.one(columns)
    held = {name for name in ZOO if is_text_of_postgres(true[name])}
    assert {name for name, cell in zip(ZOO, shown, strict=True) if name in held
            and normal(ZOO[name], cell) != expected(ZOO[name], true[name])} == set()  # fmt: skip
    assert max(len(cell or "") for cell in shown) > 1_000_000


DEFAULTED = """{{ cdc_table(
    bronze=source('bronze', 'product_cdc'),
    key=['ID'],
    columns=[('ID', 'int', 'id'), ('Qty', 'int', 'qty'), ('Note', 'varchar(20)', 'note'),
        ('NoteN', 'nvarchar(20)', 'note_n'), ('Rate', 'decimal(9,2)', 'rate'),
        ('Price', 'money', 'price'), ('IsActive', 'bit', 'is_active'),
        ('Created', 'datetime2(7)', 'created'), ('Guid', 'uniqueidentifier', 'guid')]
) }}"""


@pytest.mark.parametrize("name", ["defaults_schema", "defaults_plain_nodefault"])
def test_a_null_of_a_column_with_a_default_is_what_the_wire_says(view_of, fixture_records, name):
    """`defaults_schema` was written with replace.null.with.default=true: the loss is upstream."""
    staging = view_of("stg_defaulted", DEFAULTED)
    records = fixture_records(name)
    staging.load([Written(n, key, value) for n, (key, value, *_) in enumerate(records)])

    wire = [json.loads(record[1]) for record in records]
    rows = [value.get("payload", value)["after"] for value in wire]
    shown = staging.rows(f"select id, qty, note, note_n, is_active, guid from {staging.view} order by id")  # fmt: skip  # noqa: E501
    names = ("ID", "Qty", "Note", "NoteN", "IsActive", "Guid")
    assert shown == [tuple(row[name] for name in names) for row in rows]
