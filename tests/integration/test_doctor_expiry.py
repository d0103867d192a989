"""doctor on lifecycle rules: what they delete, and whether they spare what has to outlive it."""

import dataclasses
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bictl.clients.objects import ObjectStore
from bictl.doctor.storage import expiry
from bictl.errors import AccessDenied, StageFailed, Unreachable

KEPT = "_bictl/product/raw/"


@pytest.fixture
def rules(clients):
    """Puts real lifecycle rules on the test's bucket: name → prefix."""

    def put(**prefixes: str) -> None:
        clients.objects._client.put_bucket_lifecycle_configuration(
            Bucket=clients.objects.bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": name,
                        "Status": "Enabled",
                        "Filter": {"Prefix": prefix},
                        "Expiration": {"Days": 90},
                    }
                    for name, prefix in prefixes.items()
                ]
            },
        )

    return put


@contextmanager
def answering(settings, status: int, code: str):
    """A store that answers everything with one error."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield ObjectStore(dataclasses.replace(settings.s3, endpoint_url=url), timeout=5)
    finally:
        server.shutdown()
        server.server_close()


def test_without_a_rule_nothing_expires(clients, settings):
    found = expiry(clients.objects, settings.table("product"))
    assert (found.state, found.detail) == ("ok", "no rule deletes raw objects")


def test_a_rule_on_the_tables_prefix_is_named_with_its_days(clients, settings, rules):
    rules(raw="product/raw/", other="elsewhere/")
    found = expiry(clients.objects, settings.table("product"))
    assert (found.state, found.detail) == ("ok", f"rule raw (90 days); {KEPT} is kept")


@pytest.mark.parametrize("prefix", ["", "_bictl/", f"{KEPT}frontier/"])
def test_a_rule_that_takes_what_has_to_stay_is_a_warning(clients, settings, rules, prefix):
    rules(wide=prefix)
    found = expiry(clients.objects, settings.table("product"))
    assert found.state == "warn"
    assert found.detail.startswith(
        f"rule wide (90 days) covers {KEPT} too: it deletes the frontier"
    )
    assert "loses its frontier" in found.detail
    assert found.hint == f"limit the rule to product/raw/; every rule has to leave out {KEPT}"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (501, "NotImplemented", StageFailed),
        (405, "MethodNotAllowed", StageFailed),
        (403, "AccessDenied", AccessDenied),
    ],
)
def test_rules_that_cannot_be_read_are_not_taken_for_none(settings, status, code, kind):
    table = settings.table("product")
    with answering(settings, status, code) as store:
        with pytest.raises(kind):
            store.expiries()
        found = expiry(store, table)
        assert found.state == "skipped"
        assert found.detail.startswith("not known; read the lifecycle rules of bucket")
        assert "expire_after_days in [tables.product]" in found.hint
        declared = expiry(store, dataclasses.replace(table, expire_after_days=30))
        assert declared.state == "ok"
        assert "expire_after_days = 30" in declared.detail


def test_a_store_that_fails_is_not_one_without_rules(settings):
    with answering(settings, 500, "InternalError") as store, pytest.raises(Unreachable):
        store.expiries()


def test_a_missing_bucket_is_not_one_without_rules(settings):
    from bictl.errors import NotFound

    store = ObjectStore(dataclasses.replace(settings.s3, bucket="no-such-bucket"))
    with pytest.raises(NotFound):
        store.expiries()
