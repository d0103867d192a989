"""Records that break naive loaders: what a topic may hold, and what must become of each.

`sqlstate` is Postgres's own reason why jsonb cannot hold a record; None where bronze must hold it
exactly.
"""

import base64
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Hostile:
    """One record and its fate."""

    value: bytes | None
    sqlstate: str | None = None
    key: bytes | None = b'{"ID":-1}'


def text(length: int) -> bytes:
    """Characters that need no escape and do not compress well."""
    return base64.b64encode(random.Random(length).randbytes(length))[:length]


def deep(depth: int, opening: bytes, closing: bytes, inmost: bytes = b"") -> bytes:
    return opening * depth + inmost + closing * depth


SCHEMA = b'{"type":"struct","fields":[{"type":"int32","optional":false,"field":"ID"}]}'
ROW = b'{"ID":7,"Name":"x"}'
SPREAD = b"""{
  "schema" : %b,
  "payload": {
    "ID": 7,\r
    "Name": "x"
  }
}""" % SCHEMA.replace(b",", b", ")

REFUSED = {
    "no JSON": Hostile(b"hello", "22P02"),
    "half a document": Hostile(b'{"a":', "22P02"),
    "two documents": Hostile(b"{}{}", "22P02"),
    "a NUL escape": Hostile(rb'{"a":"x\u0000y"}', "22P05"),
    "a NUL escape in a name": Hostile(rb'{"\u0000":1}', "22P05"),
    "a raw NUL": Hostile(b'{"a":"\0"}', "22021"),
    "invalid UTF-8": Hostile(b'{"a":"\xff"}', "22021"),
    "an overlong encoding": Hostile(b'{"a":"\xc0\x80"}', "22021"),
    "a surrogate in UTF-8": Hostile(b'{"a":"\xed\xa0\x80"}', "22021"),
    "a code point beyond Unicode": Hostile(b'{"a":"\xf4\x90\x80\x80"}', "22021"),
    "Latin-1": Hostile("{'a':'müde'}".encode("latin-1"), "22021"),
    "UTF-16": Hostile('{"a":1}'.encode("utf-16"), "22021"),
    "Avro": Hostile(b"\0\0\0\0\x01\x02", "22021"),
    "a high surrogate alone": Hostile(rb'{"a":"\ud83d"}', "22P02"),
    "a low surrogate alone": Hostile(rb'{"a":"\ude00"}', "22P02"),
    "surrogates the wrong way round": Hostile(rb'{"a":"\ude00\ud83d"}', "22P02"),
    "NaN": Hostile(b'{"a":NaN}', "22P02"),
    "Infinity": Hostile(b'{"a":Infinity}', "22P02"),
    "minus Infinity": Hostile(b'{"a":-Infinity}', "22P02"),
    "1e131072": Hostile(b'{"a":1e131072}', "22003"),
    "1e-20000": Hostile(b'{"a":1e-20000}', "22003"),
    "1e999999999999": Hostile(b'{"a":1e999999999999}', "22003"),
    "131,073 digits": Hostile(b'{"a":%b}' % (b"7" * 131_073), "22003"),
    "a leading zero": Hostile(b'{"a":007}', "22P02"),
    "a plus sign": Hostile(b'{"a":+1}', "22P02"),
    "100,000 arrays in each other": Hostile(deep(100_000, b"[", b"]"), "54001"),
    "100,000 objects in each other": Hostile(deep(100_000, b'{"a":', b"}", b"1"), "54001"),
    "100,000 of both in each other": Hostile(deep(50_000, b'[{"a":', b"}]", b"1"), "54001"),
    "100,000 arrays that never end": Hostile(b"[" * 100_000, "54001"),
    "a carriage return in a text": Hostile(b'{"a":"x\ry"}', "22P02"),
    "an escape character in a text": Hostile(b'{"a":"\x1b[31m"}', "22P02"),
    "a comment": Hostile(b'{"a":1} // one', "22P02"),
    "single quotes": Hostile(b"{'a':1}", "22P02"),
    "a trailing comma": Hostile(b'{"a":1,}', "22P02"),
    "no bytes": Hostile(b"", "22P02"),
    "white space": Hostile(b" \r\n\t ", "22P02"),
    "a byte order mark": Hostile(b'\xef\xbb\xbf{"a":1}', "22P02"),
    "a key that is no JSON": Hostile(b'{"a":1}', "22P02", key=b"product-7"),
    "a key of no bytes": Hostile(b'{"a":1}', "22P02", key=b""),
    "a key of bytes": Hostile(b'{"a":1}', "22021", key=b"\x93\x07"),
    "a tombstone of such a key": Hostile(None, "22P02", key=b"product-7"),
    "a schema with a NUL escape": Hostile(rb'{"schema":{"a":"\u0000"},"payload":{"b":1}}', "22P05"),
    "a payload with a NUL escape": Hostile(
        rb'{"schema":{"type":"struct"},"payload":{"b":"\u0000"}}', "22P05"
    ),
    "10 MB that end too early": Hostile(b'{"a":"%b"' % text(10_000_000), "22P02"),
    "more than 16 MiB": Hostile(b'{"a":"%b"}' % text(17 << 20), "54000"),
}
HELD = {
    "a tombstone": Hostile(None),
    "no key": Hostile(ROW, key=None),
    "the text null": Hostile(b"null"),
    "a key of the text null": Hostile(ROW, key=b"null"),
    "a key that is a number": Hostile(ROW, key=b"7"),
    "a key of 10 kB": Hostile(ROW, key=b'{"ID":-1,"Code":"%b"}' % text(10_000)),
    "a key of 1 MB": Hostile(ROW, key=b'{"ID":-1,"Code":"%b"}' % text(1_000_000)),
    "an array": Hostile(b"[1,2]"),
    "a text": Hostile('"ї"'.encode()),
    "false": Hostile(b"false"),
    "an empty object": Hostile(b"{}"),
    "U+2028, U+2029, U+0085, DEL": Hostile('{"a":"\u2028\u2029\u0085\x7f"}'.encode()),
    "CR, LF, tabs between tokens": Hostile(b'{\r\n\t"a":\t1\n}\n'),
    "escapes": Hostile(rb'{"a":"\/\b\f\n\r\t\u00e9\ud83d\ude00\u2028\\u0000"}'),
    "a pasted line": Hostile(b'{"k,\\"value\\":":1,"value":2,"headers":[]}'),
    "a name of two bytes' worth of quotes": Hostile(rb'{"\"":"\"","":""}'),
    "beyond int64": Hostile(b'{"a":9223372036854775809,"b":-9223372036854775809}'),
    "35 digits": Hostile(b'{"a":12345678901234567890123456789012345.67890}'),
    "the smallest double, halved": Hostile(b'{"a":2.4703282292062327208e-324}'),
    "1e400": Hostile(b'{"a":1e400,"b":-1E+400,"c":1.5e-400}'),
    "1e131071": Hostile(b'{"a":1e131071}'),
    "4,300 digits": Hostile(b'{"a":%b}' % (b"9" * 4300)),
    "4,301 digits": Hostile(b'{"a":%b}' % (b"9" * 4301)),
    "100,000 digits": Hostile(b'{"a":-%b}' % (b"7" * 100_000)),
    "16,000 decimals": Hostile(b'{"a":0.%b}' % (b"3" * 16_000)),
    "minus zero": Hostile(b'{"a":-0,"b":-0.0,"c":0e5}'),
    "trailing zeros": Hostile(b'{"a":1.5000}'),
    "a name twice": Hostile(b'{"a":1,"b":{"c":1,"c":2},"a":3}'),
    "deep, but not too deep": Hostile(deep(5_000, b'[{"a":', b"}]", b"1")),
    "65,537 names": Hostile(b"{%b}" % b",".join(b'"n%d":%d' % (n, n) for n in range(65_537))),
    "500,000 elements": Hostile(b"[%b]" % b",".join([b"1"] * 500_000)),
    "1 MB": Hostile(b'{"a":"%b"}' % text(1 << 20)),
    "10 MB": Hostile(b'{"a":"%b"}' % text(10_000_000)),
    "10 MB of escapes": Hostile(b'{"a":"%b"}' % (rb"\u00e9" * 1_700_000)),
    "almost 16 MiB": Hostile(b'{"a":"%b"}' % text((16 << 20) - 100)),
    "wrapped": Hostile(b'{"schema":%b,"payload":%b}' % (SCHEMA, ROW)),
    "wrapped with spaces": Hostile(b'{"schema": %b, "payload": %b}' % (SCHEMA, ROW)),
    "wrapped over lines": Hostile(SPREAD),
    "wrapped the wrong way round": Hostile(b'{"payload":%b,"schema":%b}' % (ROW, SCHEMA)),
    "wrapped with a third member": Hostile(
        b'{"schema":%b,"payload":%b,"payload":1,"x":2}' % (SCHEMA, ROW)
    ),
    "wrapped in a payload": Hostile(
        b'{"schema":%b,"payload":{"schema":{},"payload":%b}}' % (SCHEMA, ROW)
    ),
    "wrapped nothing": Hostile(b'{"schema":null,"payload":null}', key=None),
    "a wrapped key over lines": Hostile(ROW, key=SPREAD),
}
KEYLESS = 3  # of those: an array, a number and the like name no row, so staging cannot show them
TWICE = "a name twice", "wrapped with a third member"  # the last value counts, and that is said
ALL = REFUSED | HELD
