"""Connector files: both shapes, and where exactly one is broken."""

import json

import pytest

from bictl.cdc import connector_file
from bictl.errors import ConfigError, NotFound
from bictl.settings.redact import redact

CONFIG = {"connector.class": "C", "tasks.max": "1"}


def parse(text: str, name: str | None = None) -> connector_file.ConnectorFile:
    return connector_file.parse(text.encode(), place="c.json", name=name)


@pytest.mark.parametrize(
    "document",
    [
        {"name": "x", "config": CONFIG},
        {"name": "x", "config": {**CONFIG, "name": "x"}},
        {"name": "x", "config": CONFIG, "tasks": [{"connector": "x", "task": 0}], "type": "source"},
        {**CONFIG, "name": "x"},
    ],
)
def test_every_shape_is_the_same_connector(document):
    found = parse(json.dumps(document))
    assert (found.name, found.config) == ("x", CONFIG)


def test_a_file_without_a_name_gets_one_and_another_one_is_refused():
    assert parse(json.dumps(CONFIG), name="x").name == "x"
    with pytest.raises(ConfigError, match="does not say the connector's name"):
        parse(json.dumps(CONFIG))
    with pytest.raises(ConfigError, match="two names for one connector: 'x' and 'y'"):
        parse(json.dumps({"name": "y", "config": CONFIG}), name="x")
    with pytest.raises(ConfigError, match="two names"):
        parse(json.dumps({"name": "y", "config": {**CONFIG, "name": "z"}}))


def test_numbers_and_booleans_become_the_worker_s_texts():
    found = parse('{"name":"x","connector.class":"C","a":1,"b":true,"c":1.50,"d":1e3}')
    assert [found.config[key] for key in "abcd"] == ["1", "true", "1.50", "1e3"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('{\n  "name": "x",\n}', "c.json:3:1: no JSON", "take out the comma"),
        ('{"name": "x"\n "config": {}}', "c.json:2:2: no JSON: Expecting ',' delimiter", ""),
        ('{\n  // why\n  "name": "x"}', "c.json:2:3: no JSON", "JSON has no comments"),
        ("", "c.json:1:1: no JSON", "the file is empty"),
        ("[]", "c.json holds no JSON object", "write it as"),
        ('{"a": "b"}', "c.json holds no connector", "write it as"),
        ('{"name":"x","config":{"a":"1","a":"2"}}', "'a' stands there twice", "keep one"),
        ('{"name":"x","config":{"a":["b"]}}', "a is a list", "commas"),
        ('{"name":"x","config":{"a":null}}', "a is null", "give a text"),
        ('{"name":"x","config":{"a":{}}}', "a is an object", "give a text"),
        ('{"name":"x","config":{},"topic.prefix":"c"}', "'topic.prefix' stands beside", "move"),
        ("[" * 100_000, "c.json holds no connector", "it holds"),
    ],
)
def test_what_is_broken_is_said_with_its_place(text, message, hint):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_file_that_is_no_text_is_refused_and_a_mark_at_its_start_is_let_pass():
    with pytest.raises(ConfigError, match="not UTF-8 at byte 2"):
        connector_file.parse(b'{"\xff', place="c.json")
    marked = b"\xef\xbb\xbf" + json.dumps({"name": "x", "config": CONFIG}).encode()
    assert connector_file.parse(marked, place="c.json").name == "x"
    with pytest.raises(ConfigError, match="larger than a connector"):
        connector_file.parse(b" " * (1024 * 1024 + 1), place="c.json")


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "product.json").write_text("{}")
    with pytest.raises(NotFound) as caught:
        connector_file.read(tmp_path / "prodcut.json")
    assert str(tmp_path / "product.json") in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="Is a directory"):
        connector_file.read(tmp_path)


def test_a_directory_gives_its_connectors_and_skips_what_is_none(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps({"name": "b", "config": CONFIG}))
    (tmp_path / "a.json").write_text(json.dumps({"name": "a", "config": CONFIG}))
    (tmp_path / "keys.json").write_text("[1]")
    (tmp_path / "c.txt").write_text(json.dumps({"name": "c", "config": CONFIG}))
    assert [one.name for one in connector_file.folder(tmp_path)] == ["a", "b"]
    assert connector_file.folder(tmp_path / "nowhere") == ()


def test_a_literal_password_is_never_shown_again_unless_it_is_a_name_too():
    secret = {"database.password": "kT9-planted-3", "ssl.key.password": "planted"}
    found = parse(
        json.dumps({"name": "x", "config": {**CONFIG, **secret, "topic.prefix": "planted.a"}})
    )
    assert "planted" not in repr(found)
    assert redact("it said kT9-planted-3 planted.a") == "it said *** planted.a"
