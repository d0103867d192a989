"""A source table that nobody has seen: its columns and rows come from a seed, its records are
written as Debezium's SQL Server connector writes them, by code that shares nothing with bictl."""

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal

Record = tuple[bytes | None, bytes | None]
Cells = dict[str, str | None]

NASTY = [
    'Order "Date"', "it's", "{{ target.name }}", "{% raw %}", "{# x", "a--b", "select", "User",
    "Line\nBreak",
    "back\\slash", "Dup Name", "Dup_Name", "dupName", "100%s", "${x}", "Назва Товару",
    "x'); drop table bronze.cdc_schema; --", "Tab\there", "y" * 70, "y" * 71, "IsSnapshot", "xmin",
    "😀 smile", "#}", "%(x)s", "2nd", "cdc_operation", "   ", "a.b", "payload", "op", "__x",
    "\x7f", "\u2028", "[br]ack", "`tick`", "semi;colon", "NULL",
]  # fmt: skip
_TEXTS = ["", " ", "ґанок", "a\tb\nc", '"quoted"', "it's", "\\", "😀", "0", "null"]
_EPOCH = date(1970, 1, 1)
_EXACT = Context(prec=60)


@dataclass
class RandomTable:
    """`columns` are (name, SQL Server type, nullable); the first two are the key."""

    seed: int
    name: str
    columns: list[tuple[str, str, bool]] = field(init=False)
    live: dict[tuple[str, str], Cells] = field(init=False, default_factory=dict)
    records: list[tuple[tuple[str, str], str | None, Cells | None, Cells | None]] = field(
        init=False, default_factory=list
    )

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        names = self._random.sample(NASTY, 24)
        kinds = self._kinds()
        self.columns = [
            ("Order ID", "int", False),
            ('Line "№"', "nvarchar(20)", False),
            *(
                (n, kinds[at % len(kinds)], self._random.random() < 0.8)
                for at, n in enumerate(names)
            ),
        ]
        self._change()

    @property
    def key(self) -> tuple[str, str]:
        return self.columns[0][0], self.columns[1][0]

    def wrapped(self) -> Iterator[Record]:
        """With inline schemas in key and value."""
        for key, op, before, after in self.records:
            head = b'{"schema":%b,"payload":' % _bytes(self._key_schema())
            value = None
            if op is not None:
                event = self._event(op, before, after)
                value = b'{"schema":%b,"payload":%b}' % (_bytes(self._schema()), _bytes(event))
            yield head + _bytes(self._key(key)) + b"}", value

    def plain(self) -> Iterator[Record]:
        """With schemas off."""
        for key, op, before, after in self.records:
            value = None if op is None else _bytes(self._event(op, before, after))
            yield _bytes(self._key(key)), value

    def unwrapped(self) -> Iterator[Record]:
        """ExtractNewRecordState with rewritten deletes, tombstones dropped, with schemas."""
        for key, op, before, after in self.records:
            if op is None:
                continue
            row = self._row(after if op != "d" else before)
            row |= {"__op": op, "__deleted": "true" if op == "d" else "false"}
            added = [
                {"type": "string", "optional": True, "field": f} for f in ("__op", "__deleted")
            ]
            schema = {"type": "struct", "fields": [*self._fields(), *added], "optional": False}
            yield (
                b'{"schema":%b,"payload":%b}'
                % (_bytes(self._key_schema()), _bytes(self._key(key))),
                b'{"schema":%b,"payload":%b}' % (_bytes(schema), _bytes(row)),
            )

    def schema_change(self) -> bytes:
        """The record of the schema-change topic."""
        columns = []
        for at, (name, declared, nullable) in enumerate(self.columns, start=1):
            base, _, rest = declared.partition("(")
            sizes = [int(one) for one in rest.rstrip(")").split(",") if one.isdigit()]
            columns.append({
                "name": name, "jdbcType": 12, "typeName": base, "typeExpression": base,
                "length": sizes[0] if base in {"decimal", "numeric"} else 20, "position": at,
                "scale": sizes[-1] if base in {"decimal", "time", "datetime2", "datetimeoffset"}
                else None,
                "optional": nullable, "autoIncremented": False, "generated": False,
                "defaultValueExpression": None,
            })  # fmt: skip
        table = {"primaryKeyColumnNames": list(self.key), "columns": columns}
        identity = f'"ConcordDb"."dbo"."{self.name}"'
        change = {"type": "CREATE", "id": identity, "table": table}
        return _bytes({"source": {}, "databaseName": "ConcordDb", "tableChanges": [change]})

    def _kinds(self) -> list[str]:
        precision = self._random.randint(1, 38)
        return [
            "bit", "tinyint", "smallint", "int", "bigint", "real", "float",
            f"decimal({precision},{self._random.randint(0, precision)})", "decimal(38,38)", "money",
            "smallmoney", "nvarchar(100)", "varchar(max)", "uniqueidentifier", "date", "datetime",
            "smalldatetime", "varbinary(50)",
            *(f"{base}({self._random.randint(low, high)})"
              for base in ("time", "datetime2") for low, high in ((0, 3), (4, 6), (7, 7))),
            f"datetimeoffset({self._random.randint(0, 7)})",
        ]  # fmt: skip

    def _change(self) -> None:
        """Rows that are read, made, changed, deleted and made again."""
        keys = [
            (str(number), self._text(20)) for number in (-(2**31), 0, 7, 2**31 - 1) for _ in "ab"
        ]
        keys = sorted(set(keys))
        for key in keys[:-2]:
            self._put(key, "r")
        for key in keys[-2:]:
            self._put(key, "c")
        for key in self._random.choices(keys, k=8):
            self._put(key, "u")
        for key in keys[:2]:
            before = self.live.pop(key)
            self.records += [(key, "d", before, None), (key, None, None, None)]
        self._put(keys[0], "c")

    def _put(self, key: tuple[str, str], op: str) -> None:
        row = dict(zip(self.key, key, strict=True))
        row |= {
            name: None if nullable and self._random.random() < 0.2 else self._true(declared)
            for name, declared, nullable in self.columns[2:]
        }
        before = self.live.get(key) if op == "u" else None
        self.live[key] = row
        self.records.append((key, op, before, row))

    def _event(self, op: str, before: Cells | None, after: Cells | None) -> dict:
        at = len(self.records)
        source = {
            "version": "2.4.0.Final", "connector": "sqlserver", "name": "unset",
            "ts_ms": 1715680000000,
            "snapshot": "true" if op == "r" else "false", "db": "ConcordDb", "schema": "dbo",
            "table": self.name, "commit_lsn": f"{at:08x}:00000001:0001",
            "change_lsn": None if op == "r" else f"{at:08x}:00000001:0002",
        }  # fmt: skip
        return {"before": before and self._row(before), "after": after and self._row(after),
                "source": source, "op": op, "ts_ms": 1715680000001}  # fmt: skip

    def _row(self, cells: Cells) -> dict:
        return {name: _wire(declared, cells[name]) for name, declared, _ in self.columns}

    def _key(self, key: tuple[str, str]) -> dict:
        return {self.key[0]: int(key[0]), self.key[1]: key[1]}

    def _fields(self) -> list[dict]:
        return [
            {**_described(declared), "optional": nullable, "field": name}
            for name, declared, nullable in self.columns
        ]

    def _key_schema(self) -> dict:
        return {"type": "struct", "fields": self._fields()[:2], "optional": False}

    def _schema(self) -> dict:
        row = {"type": "struct", "fields": self._fields(), "optional": True}
        text = {"type": "string", "optional": False}
        return {"type": "struct", "name": "x.Envelope", "fields": [
            {**row, "field": "before"}, {**row, "field": "after"},
            {"type": "struct", "fields": [], "field": "source"}, {**text, "field": "op"},
            {"type": "int64", "optional": True, "field": "ts_ms"},
        ]}  # fmt: skip

    def _text(self, most: int) -> str:
        if self._random.random() < 0.5:
            return self._random.choice(_TEXTS)
        return "".join(
            self._random.choices("abcXYZ 0123456789ÄїЖ'\"{}", k=self._random.randint(1, most))
        )

    def _true(self, declared: str) -> str:
        """A value as SQL Server would show it."""
        pick, base = self._random, declared.partition("(")[0]
        sizes = [int(s) for s in declared.partition("(")[2].rstrip(")").split(",") if s.isdigit()]
        bits = {"smallint": 15, "int": 31, "bigint": 63}
        ranges = {name: (-(2**size), 2**size - 1) for name, size in bits.items()}
        ranges["tinyint"] = (0, 255)
        digits = {"money": (19, 4), "smallmoney": (9, 4)}.get(base) or sizes
        if base in ranges:
            return str(pick.choice([*ranges[base], 0, pick.randint(*ranges[base])]))
        if base == "bit":
            return pick.choice(["true", "false"])
        if base in {"decimal", "money", "smallmoney"}:
            most = 10 ** digits[0] - 1 if base != "money" else 2**63 - 1
            unscaled = pick.choice([most, -most, 0, 1, -1, pick.randint(-most, most)])
            return f"{Decimal(unscaled).scaleb(-digits[1], _EXACT):f}"
        if base in {"real", "float"}:
            return pick.choice(["0.5", "-1.25", "16777216", "0.1"])
        if base == "uniqueidentifier":
            return f"{pick.getrandbits(128):032X}"
        if base == "varbinary":
            return "0x" + pick.randbytes(pick.randint(0, 50)).hex()
        if "char" in base:
            return self._text(20)
        return self._moment(base, sizes)

    def _moment(self, base: str, sizes: list[int]) -> str:
        pick = self._random
        scale = {"datetime": 3, "smalldatetime": 0}.get(base, sizes[0] if sizes else 0)
        years = (1700, 2250) if base == "datetime2" and scale == 7 else (1, 9999)
        day = date(pick.randint(*years), pick.randint(1, 12), pick.randint(1, 28))
        clock = f"{pick.randint(0, 23):02}:{pick.randint(0, 59):02}:{pick.randint(0, 59):02}"
        if scale:
            clock += f".{pick.randint(0, 10**scale - 1):0{scale}}"
        if base == "date":
            return day.isoformat()
        if base == "time":
            return clock
        offset = " +03:00" if base == "datetimeoffset" else ""
        return f"{day.replace(year=max(day.year, 2)).isoformat()} {clock}{offset}"


def _described(declared: str) -> dict:
    base = declared.partition("(")[0]
    sizes = [int(s) for s in declared.partition("(")[2].rstrip(")").split(",") if s.isdigit()]
    plain = {"bit": "boolean", "tinyint": "int16", "smallint": "int16", "int": "int32",
             "bigint": "int64", "real": "float", "float": "double",
             "varbinary": "bytes"}  # fmt: skip
    if base in plain:
        return {"type": plain[base]}
    if base in {"decimal", "money", "smallmoney"}:
        precision, scale = {"money": (19, 4), "smallmoney": (10, 4)}.get(base) or sizes
        parameters = {"scale": str(scale), "connect.decimal.precision": str(precision)}
        name = "org.apache.kafka.connect.data.Decimal"
        return {"type": "bytes", "name": name, "version": 1, "parameters": parameters}
    if base == "date":
        return {"type": "int32", "name": "io.debezium.time.Date"}
    if base == "datetimeoffset":
        return {"type": "string", "name": "io.debezium.time.ZonedTimestamp"}
    if base in {"time", "datetime2", "datetime", "smalldatetime"}:
        unit = _unit(base, sizes)
        name = "Time" if base == "time" else "Timestamp"
        prefix = {"ms": "", "us": "Micro", "ns": "Nano"}[unit]
        kind = "int32" if name == "Time" and unit == "ms" else "int64"
        return {"type": kind, "name": f"io.debezium.time.{prefix}{name}"}
    return {"type": "string"}


def _unit(base: str, sizes: list[int]) -> str:
    scale = 3 if base in {"datetime", "smalldatetime"} else sizes[0]
    return "ms" if scale <= 3 else "us" if scale <= 6 else "ns"


def _wire(declared: str, true: str | None) -> object:
    base = declared.partition("(")[0]
    sizes = [int(s) for s in declared.partition("(")[2].rstrip(")").split(",") if s.isdigit()]
    if true is None:
        return None
    if base in {"tinyint", "smallint", "int", "bigint"}:
        return int(true)
    if base == "bit":
        return true == "true"
    if base in {"real", "float"}:
        return float(true)
    if base in {"decimal", "money", "smallmoney"}:
        scale = 4 if "money" in base else sizes[1]
        unscaled = int(Decimal(true).scaleb(scale, _EXACT))
        size = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
        return base64.b64encode(unscaled.to_bytes(size, "big", signed=True)).decode()
    if base == "varbinary":
        return base64.b64encode(bytes.fromhex(true[2:])).decode()
    if base == "date":
        return (date.fromisoformat(true) - _EPOCH).days
    if base == "datetimeoffset":
        clock, _, offset = true.rpartition(" ")
        return f"{clock.replace(' ', 'T')}{offset}"
    if base in {"time", "datetime2", "datetime", "smalldatetime"}:
        return _since(true, {"ms": 3, "us": 6, "ns": 9}[_unit(base, sizes)])
    return true


def _since(true: str, digits: int) -> int:
    """Units of 10^-digits s since midnight or the epoch."""
    day, _, clock = true.rpartition(" ")
    whole, _, fraction = clock.partition(".")
    hours, minutes, seconds = (int(part) for part in whole.split(":"))
    days = (date.fromisoformat(day) - _EPOCH).days if day else 0
    return (days * 86400 + hours * 3600 + minutes * 60 + seconds) * 10**digits + int(
        f"{fraction:0<{digits}}"[:digits]
    )


def _bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
