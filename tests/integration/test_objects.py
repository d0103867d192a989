"""The bucket as a real store answers: one writer wins, nothing is ever overwritten."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import botocore.exceptions
import pytest

from bictl.clients.objects import ObjectStore
from bictl.errors import AccessDenied, NotFound, Unreachable
from bictl.settings import Secret


@pytest.fixture
def objects(clients):
    return clients.objects


def test_of_eight_writers_one_wins_and_its_object_is_whole(objects):
    bodies = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda body: objects.put_new("race", body, metadata={}), bodies))
    assert sorted(won) == [False] * 7 + [True]
    assert objects.get("race")[0] == bodies[won.index(True)]


def test_a_taken_key_stays_as_it_is(objects):
    assert objects.put_new("a/b", b"first", metadata={"bictl-run": "1"})
    assert not objects.put_new("a/b", b"second", metadata={"bictl-run": "2"})
    assert objects.get("a/b") == (b"first", {"bictl-run": "1"})
    info, metadata = objects.head("a/b")
    assert (info.key, info.size, metadata) == ("a/b", 5, {"bictl-run": "1"})


def test_a_body_that_changed_on_its_way_is_refused_and_leaves_nothing(objects, monkeypatch):
    """The digest belongs to other bytes, as if the wire had changed them."""
    import bictl.clients.objects as module

    real = module.hashlib.md5
    monkeypatch.setattr(module.hashlib, "md5", lambda body, **options: real(body + b"!", **options))
    with pytest.raises(Unreachable, match="BadDigest"):
        objects.put_new("broken", b"bytes", metadata={})
    with pytest.raises(NotFound):
        objects.head("broken")


def test_an_answer_that_was_lost_is_found_again_as_taken(objects, monkeypatch):
    """The store has the object, the writer never heard: the next try must not overwrite it."""
    real, calls = objects._client._make_api_call, []

    def lose_the_first(operation, parameters):
        calls.append(operation)
        answer = real(operation, parameters)
        if len(calls) == 1:
            raise botocore.exceptions.ClientError(
                {
                    "Error": {"Code": "ConditionalRequestConflict"},
                    "ResponseMetadata": {"HTTPStatusCode": 409},
                },
                operation,
            )
        return answer

    monkeypatch.setattr(objects._client, "_make_api_call", lose_the_first)
    assert objects.put_new("lost", b"mine", metadata={}) is False
    assert (calls, objects.get("lost")[0]) == (["PutObject", "PutObject", "GetObject"], b"mine")


def test_listing_is_ascending_and_goes_on_behind_a_key(objects):
    for key in ("p/c", "p/a", "p/b/1", "q/z", "p/b/2"):
        objects.put_new(key, b"x", metadata={})
    assert [info.key for info in objects.list("p/")] == ["p/a", "p/b/1", "p/b/2", "p/c"]
    assert [info.key for info in objects.list("p/", after="p/b/1")] == ["p/b/2", "p/c"]
    assert objects.folders("p/") == ["p/b/"]
    assert objects.folders("none/") == []
    objects.delete("p/a")
    objects.delete("p/a")
    assert next(objects.list("p/")).key == "p/b/1"


def test_more_objects_than_a_page_are_all_listed(objects):
    with ThreadPoolExecutor(16) as pool:
        keys = [f"many/{number:05d}" for number in range(1100)]
        list(pool.map(lambda key: objects.put_new(key, b"", metadata={}), keys))
    assert [info.key for info in objects.list("many/")] == keys


def test_an_object_that_is_not_there_is_not_found(objects):
    for ask in (objects.head, objects.get):
        with pytest.raises(NotFound) as caught:
            ask("nothing/here")
        assert (caught.value.kind, caught.value.name) == ("object", "nothing/here")


def test_an_unknown_bucket_lists_what_exists_nearest_first(objects, settings):
    other = ObjectStore(replace(settings.s3, bucket=f"{settings.s3.bucket}x"))
    for ask in (other.check, lambda: other.put_new("a", b"", metadata={})):
        with pytest.raises(NotFound) as caught:
            ask()
        assert caught.value.kind == "bucket"
        assert caught.value.hint.startswith(f"did you mean '{settings.s3.bucket}'?")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"secret_access_key": Secret("S3CR3T")}, AccessDenied),
        ({"access_key_id": "nobody"}, AccessDenied),
        ({"endpoint_url": "http://127.0.0.1:1"}, Unreachable),
    ],
)
def test_who_may_not_and_where_nobody_is_are_told_apart(settings, changes, error):
    with pytest.raises(error) as caught:
        ObjectStore(replace(settings.s3, **changes), timeout=2).check()
    assert "S3CR3T" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("endpoint", "in_clear"),
    [
        ("http://127.0.0.1:9000", False),
        ("http://localhost:9000", False),
        ("https://s3.example", False),
        ("http://s3.example", True),
        ("", False),
    ],
)
def test_objects_in_clear_on_the_wire_are_known(settings, endpoint, in_clear):
    assert ObjectStore(replace(settings.s3, endpoint_url=endpoint)).in_clear is in_clear
