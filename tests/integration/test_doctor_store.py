"""doctor against stores that do not keep what bictl's promises rest on: each is found out."""

import dataclasses
import re

import pytest
from servers import careless_store

from bictl.clients import Clients
from bictl.doctor.probe import Finding, answers
from bictl.doctor.storage import objects


def found_at(settings, url: str, **changes: object) -> dict[str, Finding]:
    s3 = dataclasses.replace(settings.s3, endpoint_url=url, **changes)
    with Clients(dataclasses.replace(settings, s3=s3), timeout=5) as clients:
        return {one.what: one for one in answers("objects", objects(clients))}


@pytest.mark.parametrize(
    ("without", "wrong", "words"),
    [
        ("", {}, ""),
        (
            "conditions",
            {"conditional PUT": "fail", "repeated PUT": "fail"},
            "8 of 8 racing PUTs of one new key succeeded: the store does not honour If-None-Match",
        ),
        ("metadata", {"bytes and metadata": "fail"}, "the object's user metadata was lost"),
        ("bytes", {"bytes and metadata": "fail"}, "not what the winning PUT wrote"),
        ("listing", {"listing": "warn"}, "listings come late"),
        ("winners", {"conditional PUT": "unknown"}, "none of 8 racing PUTs"),
        ("put", {"conditional PUT": "fail"}, "write _bictl/product/raw/doctor/"),
    ],
)
def test_what_a_store_does_not_keep_is_found_out(settings, without, wrong, words):
    with careless_store(without=without) as url:
        found = found_at(settings, url)
    assert {what: one.state for what, one in found.items() if one.state != "ok"} == wrong
    for what in wrong:
        assert found[what].hint
    assert not wrong or words in " ".join(found[what].detail for what in wrong)


def test_nothing_is_left_behind_also_where_a_probe_failed(settings):
    with careless_store(without="bytes") as url:
        found_at(settings, url)
        s3 = dataclasses.replace(settings.s3, endpoint_url=url)
        with Clients(dataclasses.replace(settings, s3=s3)) as clients:
            assert list(clients.objects.list("")) == []


def test_the_probe_object_is_under_a_prefix_of_bictls_own(settings, monkeypatch):
    from bictl.clients.objects import ObjectStore

    written = []
    real = ObjectStore.put_new

    def put_new(self: ObjectStore, key: str, body: bytes, **options: object) -> bool:
        written.append(key)
        return real(self, key, body, **options)

    monkeypatch.setattr(ObjectStore, "put_new", put_new)
    with careless_store() as url:
        found_at(settings, url)
    assert len(set(written)) == 1
    assert written[0].startswith("_bictl/product/raw/doctor/")


def test_credentials_that_may_not_delete_are_told_which_object_stays(settings):
    with careless_store(without="delete") as url:
        found = found_at(settings, url)["probe object"]
    assert found.state == "ok"
    assert re.fullmatch(r"_bictl/product/raw/doctor/\S+ stays: these credentials .*", found.detail)


def test_a_store_that_does_not_answer_is_asked_once(settings):
    found = found_at(settings, "http://127.0.0.1:1")
    assert [(what, one.exit_code) for what, one in found.items()] == [("bucket", 4)]


def test_a_missing_bucket_is_the_only_thing_said_of_it(settings):
    found = found_at(settings, settings.s3.endpoint_url, bucket="no-such-bucket")
    assert [(what, one.state, one.exit_code) for what, one in found.items()] == [
        ("bucket", "fail", 1)
    ]
