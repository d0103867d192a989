"""Every encoding of every type of SQL Server, in every wire shape: each cell against its truth.

Where no fixture holds an encoding, it is made from one that does, by a step whose result is known:
`schemas off` leaves the payload alone, hex and base64 are other letters for the same bytes, a JSON
number is the true value written out.
"""

import base64
import copy
import json
import re
from collections import defaultdict
from collections.abc import Callable
from decimal import Context, Decimal

from batches import numbered, seal
from made_models import make_models
from test_exact import ZOO, truth
from truth import as_shown, expected, is_text_of_postgres, normal

from bictl.bronze import load

CONNECT_DECIMAL = "org.apache.kafka.connect.data.Decimal"
WIDE = Context(prec=80)
COMPACT = {"separators": (",", ":"), "ensure_ascii": False}

Field = dict  # a column's field in the inline schema
Encode = Callable[[Field, object, str | None], object]  # what the wire has, from its cell and truth


def as_it_is(field: Field, cell: object, true: str | None) -> object:
    return cell


def in_hex(field: Field, cell: object, true: str | None) -> object:
    if field["type"] != "bytes" or field.get("name"):
        return cell
    field["type"] = "string"
    return base64.b64decode(cell).hex()


def in_base64(field: Field, cell: object, true: str | None) -> object:
    if field["type"] == "bytes" and not field.get("name"):
        field["type"] = "string"
    return cell


def in_url_letters(field: Field, cell: object, true: str | None) -> object:
    if field["type"] != "bytes" or field.get("name"):
        return cell
    field["type"] = "string"
    return cell.translate(str.maketrans("+/", "-_"))


def in_microseconds(field: Field, cell: object, true: str | None) -> object:
    name, (factor, divisor) = field.get("name", ""), (1, 1)
    if name == "io.debezium.time.Time":
        factor = 1000
    elif name == "io.debezium.time.NanoTime":
        divisor = 1000
    else:
        return cell
    field |= {"name": "io.debezium.time.MicroTime", "type": "int64"}
    return cell * factor // divisor


def as_number(field: Field, cell: object, true: str | None) -> object:
    if field.get("name") != CONNECT_DECIMAL:
        return cell
    scale = int(field["parameters"]["scale"])
    return f"@@{Decimal(true).quantize(Decimal(1).scaleb(-scale), context=WIDE)}@@"


# A name of ours: the fixture it is made from, how, and the connector's modes
ENCODINGS: dict[str, tuple[str, Encode, dict[str, str]]] = {
    "precise": ("precise", as_it_is, {}),
    "numeric": ("precise", as_number, {}),
    "string": ("string", as_it_is, {"decimal": "string"}),
    "double": ("double", as_it_is, {"decimal": "double"}),
    "connect": ("connect", as_it_is, {"time": "connect"}),
    "microseconds": ("precise", in_microseconds, {"time": "adaptive_time_microseconds"}),
    "hex": ("string", in_hex, {"decimal": "string", "binary": "hex"}),
    "base64": ("double", in_base64, {"decimal": "double", "binary": "base64"}),
    "url": ("connect", in_url_letters, {"time": "connect", "binary": "base64-url-safe"}),
}
SHAPES = {  # wrapped value, wrapped key, unwrapped row
    "wrapped": (True, True, False),
    "plain": (False, False, False),
    "flat": (True, True, True),
    "flat plain": (False, False, True),
    "plain key": (True, False, False),
    "wrapped key": (False, True, False),
}


def model_of(encoding: str, shape: str) -> str:
    """The model that reads these records: what the schema says needs no mode."""
    modes = ENCODINGS[encoding][2]
    return encoding if modes and ("binary" in modes or not SHAPES[shape][0]) else "default"


MODEL = """{{{{ cdc_table(
    bronze='bronze.{name}',
    key=['ID'],
    columns=[('ID', 'int', 'id'), {columns}, ('c_dto_7', 'nvarchar', 'with_offset')],
    modes={modes}
) }}}}"""


def test_every_cell_in_every_encoding_and_shape(settings, clients, tmp_path, fixture_records):
    listed = ", ".join(f"('{name}', '{declared}', '{name}')" for name, declared in ZOO.items())
    modes = {"default": {}} | {name: known[2] for name, known in ENCODINGS.items() if known[2]}
    texts = {
        name: MODEL.format(name=name, columns=listed, modes=said) for name, said in modes.items()
    }
    tables = make_models(settings, clients, tmp_path, texts)
    records, cells = images(fixture_records)
    columns = ", ".join(f"{name}::text" for name in ZOO)
    wrong, compared = [], 0
    for model, table in tables.items():
        seal(clients.objects, table, numbered(records[model]))
        load(clients.objects, clients.database, table=table, run="test")
        query = f"select id, with_offset, {columns} from staging_staging.stg_{model}"
        shown = {row[0]: row[1:] for row in clients.database.rows(query)}
        assert shown.keys() == cells[model].keys()
        for id, (what, true, with_offset) in cells[model].items():
            told, *rest = shown[id]
            if told != with_offset:
                wrong.append((model, *what, "with_offset", told, with_offset))
            for name, cell in zip(ZOO, rest, strict=True):
                if is_text_of_postgres(true[name]):
                    compared += 1
                    if normal(ZOO[name], cell) != expected(ZOO[name], true[name]):
                        wrong.append((model, *what, name, cell, true[name]))
    assert wrong == []
    assert compared > 90_000


def images(fixture_records):
    """By model: the records of every image in every encoding and shape, and by their ids what each
    is, its true cells, and the wire's text of one datetimeoffset."""
    written = truth("zoo_truth")
    records, cells = defaultdict(list), defaultdict(dict)
    for encoding, (mode, encode, _) in ENCODINGS.items():
        samples = zip(written["events"][mode], fixture_records(f"zoo_{mode}"), strict=True)
        for event, sample in samples:
            for side in ("before", "after"):
                if event.get(side) is None:
                    continue
                lossy = written["lossy"][mode].get(str(event["offset"]), {}).get(side, {})
                row = written["rows"][event[side]]
                true = as_shown({name: row[name] for name in ZOO}, lossy)
                schema, wire = encoded(json.loads(sample[1]), side, true, encode)
                for shape in SHAPES if encoding == "precise" else list(SHAPES)[:4]:
                    model = model_of(encoding, shape)
                    id = len(cells[model])
                    records[model].append(shaped(shape, schema, wire | {"ID": id}, id))
                    cells[model][id] = ((encoding, shape), true, wire["c_dto_7"])
    return records, cells


def encoded(value, side, true, encode):
    """The envelope's schema and one side's row, without texts that Postgres cannot hold."""
    schema, row = copy.deepcopy(value["schema"]), value["payload"][side]
    wire = {}
    for field in row_schema(schema)["fields"]:
        name = field["field"]
        if name not in ZOO or not is_text_of_postgres(true[name]):
            continue
        if row[name] is None:
            wire[name] = None
            encode(field, "" if field["type"] == "bytes" else 0, "0")  # each schema says the same
        else:
            wire[name] = encode(field, row[name], true[name])
    return schema, wire


def row_schema(envelope):
    (after,) = (part for part in envelope["fields"] if part["field"] == "after")
    return after


def shaped(shape, schema, row, id):
    """Key and value of one record in one wire shape."""
    wrapped_value, wrapped_key, is_flat = SHAPES[shape]
    source = {"ts_ms": 1, "snapshot": "false", "commit_lsn": None, "change_lsn": None}
    event = {"before": None, "after": row, "source": source, "op": "c", "ts_ms": 1}
    if is_flat:
        deleted = {"field": "__deleted", "type": "string", "optional": True}
        after = row_schema(schema)
        schema = after | {"fields": [*after["fields"], deleted], "optional": False}
        event = row | {"__deleted": "false"}
    described = {"type": "struct", "fields": [{"type": "int32", "field": "ID"}], "name": "Key"}
    key = {"schema": described, "payload": {"ID": id}} if wrapped_key else {"ID": id}
    return text(key), text({"schema": schema, "payload": event} if wrapped_value else event)


def text(value):
    """JSON as a converter writes it; what is between @@ is a number written out."""
    written = json.dumps(value, **COMPACT)
    return re.sub('"@@(.*?)@@"', r"\1", written).encode("utf-8", "surrogatepass")
