"""A line of a batch is compared by its bytes where these can say it, and nothing fools that."""

import gzip
import hashlib
from dataclasses import replace

import pytest
from evidence import batch
from hypothesis import example, given
from hypothesis import strategies as some

from bictl.verify.inspect import judge_body
from bictl.wire import Line, LineEncoder, offset_of, parse_line

SCHEMA = b'{"type":"struct","fields":[]}'
PIECES = (
    *(b'{"ID":1}', b'{"schema":' + SCHEMA + b',"payload":', b"{}", b"}", b"{", b"null", b'"', b"1"),
    *(b',"value":', b'"value":null', b',"value_b64":"', b',"headers":[]', b',"headers":[]}', b"\\"),
    *(b"\r", b"\n", b",", b" ", b"\xff", b'","value":'),
)
texts = some.none() | some.lists(some.sampled_from(PIECES), max_size=5).map(b"".join)
headers = some.lists(some.tuples(some.sampled_from(("a", ',"headers":', '"')), texts), max_size=2)


@given(key=texts, value=texts, headers=headers, timestamp=some.integers(-1, 2**62))
@example(key=b'{"ID":1}', value=b'1,"headers":[]', headers=[], timestamp=0)
@example(key=b'1,"value":2', value=b"3", headers=[], timestamp=0)
def test_a_line_that_is_the_pasted_one_holds_just_that_record(key, value, headers, timestamp):
    """Whatever its bytes: else K10 would take another record for it."""
    record = Line("t", 3, 5, timestamp, key, value, tuple(headers))
    line = LineEncoder("t", 3).pasted(record)
    assert line is None or parse_line(line) == record


@pytest.mark.parametrize("value", [b'{"a":1}', None, b'{"schema":' + SCHEMA + b',"payload":{}}'])
@pytest.mark.parametrize("key", [b'{"ID":1}', None, b'{"schema":' + SCHEMA + b',"payload":{}}'])
def test_the_usual_lines_need_no_parsing(key, value):
    record = Line("t", 3, 5, 1, key, value, (("a", b"b"),))
    encoder = LineEncoder("t", 3)
    line = encoder.encode(record)
    assert encoder.pasted(record) == line[:-1]
    assert offset_of(line) == 5


def test_a_text_that_is_no_line_has_no_offset():
    with pytest.raises(ValueError, match="not a record"):
        offset_of(b'{"offset":5}')


def test_a_line_that_has_no_end_is_damage_to_a_deep_look_and_no_crash():
    """Its bytes are those that its manifest promises."""
    body = gzip.compress(b'{"topic":"t","partition":0,"offset":0,"timestamp":1,"value":null}\n')
    whole = batch(0, 1)
    manifest = replace(whole.manifest, sha256=hashlib.sha256(body).hexdigest())
    judged = judge_body(replace(whole, manifest=manifest), manifest, body, deep=True)
    assert "the line is not a record" in judged.damage
