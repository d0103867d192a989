"""The Connect client: saved answers read, failures named, and no secret let through."""

import http.client
import socket
import threading

import pytest
from connect_replay import STARTING, saved

from bictl.clients import connect_rest
from bictl.clients.connect import ConnectWorker
from bictl.errors import (
    AccessDenied,
    ConfigError,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)
from bictl.settings import Connect, Secret

OVERVIEW = "/connectors?expand=status&expand=info"


def test_the_overview_holds_every_connector_with_state_tasks_and_configuration(replay, worker):
    replay.give("connectors_expand_with_failed")
    found = worker.overview()
    expected = saved("connectors_expand_with_failed")["body"]
    assert [one.name for one in found] == sorted(expected)
    for one in found:
        status = expected[one.name]["status"]
        assert (one.state, one.kind) == (status["connector"]["state"], status["type"])
        assert [task.state for task in one.tasks] == [task["state"] for task in status["tasks"]]
        assert set(one.config) == set(expected[one.name]["info"]["config"])


def test_a_worker_without_connectors_is_not_an_error(replay, worker):
    replay.give("connectors_empty")
    assert worker.overview() == ()


def test_the_root_names_version_and_cluster(replay, worker):
    replay.give("root")
    assert worker.worker().version == "3.9.1"
    assert worker.worker().cluster == "MkU3OEVBNTcwNTJENDM2Qk"


def test_no_password_of_a_connector_leaves_the_client(replay, worker):
    replay.give("connectors_expand")
    replay.give("connector_info", "status_running")
    for one in (*worker.overview(), worker.connector("pg-product")):
        assert one.config["database.password"] == "***"
        assert one.config["database.user"] == "cord"


def test_a_password_inside_a_trace_or_a_url_is_masked(replay, worker):
    status = saved("status_pg_down")["body"]
    status["tasks"][0]["trace"] = "java.sql.SQLException: jdbc:x://u:hunter2@h; password=hunter2"
    info = saved("connector_info")["body"]
    info["config"] |= {"connection.url": "jdbc:x://u:hunter2@h/d", "x.sasl.jaas.config": "hunter2;"}
    replay.say(OVERVIEW, 200, {"pg-product": {"status": status, "info": info}})
    assert "hunter2" not in repr(worker.overview())


def test_offsets_and_topics_are_read(replay, worker):
    replay.give("offsets_streaming", "connector_topics", "connectors_list")
    [offset] = worker.offsets("pg-product")
    assert offset.partition == {"server": "cord"}
    assert offset.offset["lsn"] == 43044208
    assert worker.topics("pg-product") == ("cord.public.product",)


def test_an_unknown_connector_is_a_usage_error_that_lists_what_exists(replay, worker):
    replay.give("missing_status", "offsets_get_missing", "connectors_list")
    replay.say("/connectors/nope", 404, {"error_code": 404, "message": "Connector nope not found"})
    for ask in (worker.connector, worker.offsets):
        with pytest.raises(NotFound, match="unknown connector 'nope'") as caught:
            ask("nope")
        assert "pg-product" in caught.value.hint
        assert caught.value.exit_code == 2


def test_a_connector_before_its_first_report_is_there_and_unassigned(replay, worker):
    replay.give("connector_info", "connectors_list")
    replay.give("missing_status", path="/connectors/pg-product/status")
    found = worker.connector("pg-product")
    assert (found.state, found.kind, found.tasks) == ("UNASSIGNED", "source", ())


def test_a_starting_worker_is_told_apart_from_a_missing_connector(replay, worker):
    replay.raw("/connectors/pg-product", *STARTING)
    with pytest.raises(Unreachable, match="is starting") as caught:
        worker.connector("pg-product")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (409, "rebalance is in progress"),
        (500, "Request cannot be completed because a rebalance is expected"),
    ],
)
def test_a_rebalance_is_waited_for(replay, worker, status, words):
    replay.say("/", status, {"error_code": status, "message": words})
    replay.give("root")
    assert worker.worker().version == "3.9.1"
    assert len(replay.asked) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_worker_or_a_proxy_before_it_that_is_busy_is_to_be_asked_again(replay, worker, status):
    replay.raw("/", status, "text/html", b"<html>later</html>")
    with pytest.raises(Unreachable, match=f"answered {status} to /") as caught:
        worker.worker()
    assert (caught.value.exit_code, len(replay.asked)) == (4, 1)
    assert caught.value.hint


def test_an_endless_rebalance_ends_in_a_timeout(replay, worker):
    replay.say("/", 409, {"error_code": 409, "message": "rebalance is in progress"})
    with pytest.raises(TimedOut, match="sharing out their tasks"):
        worker.worker()


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_a_usage_error_without_the_password(replay, status):
    replay.raw(OVERVIEW, status, "text/html", b"<html>no</html>")
    connect = Connect(url=replay.url, username="u", password=Secret("S3CR3T/pass"))
    with pytest.raises(AccessDenied) as caught:
        ConnectWorker(connect, timeout=1).overview()
    assert "[connect] username" in caught.value.hint
    assert "S3CR3T" not in f"{caught.value.message}{caught.value.hint}"
    assert replay.asked[0][1]["Authorization"].startswith("Basic ")


def test_credentials_do_not_follow_a_redirect(replay):
    connect = Connect(url=replay.url, username="u", password=Secret("S3CR3T"))
    replay.raw("/", 302, "application/json", b"{}")
    with pytest.raises(StageFailed, match="answered 302"):
        ConnectWorker(connect, timeout=1).worker()
    assert len(replay.asked) == 1


def test_a_worker_that_does_not_answer_is_timed_out(replay, worker):
    replay.give("kdown_offsets")
    with pytest.raises(TimedOut) as caught:
        worker.offsets("pg-product")
    assert caught.value.exit_code == 4


def test_no_server_is_unreachable_and_names_the_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(Unreachable) as caught:
            ConnectWorker(Connect(url=url), timeout=1).overview()
    assert url in caught.value.message
    assert caught.value.exit_code == 4


def test_a_host_that_does_not_exist_is_unreachable():
    with pytest.raises(Unreachable):
        ConnectWorker(Connect(url="http://connect.invalid:8083"), timeout=1).overview()


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"", "closed the connection without an answer"),
        (b"\x00\x00\x00\x08kafka!!!", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: appl", "broke its answer off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "broke its answer off"),
    ],
)
def test_what_does_not_speak_http_and_an_answer_that_breaks_off_are_told_apart(greeting, words):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            one, _ = server.accept()
            with one:
                one.recv(65536)
                one.sendall(greeting)

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unreachable, match=words):
            ConnectWorker(Connect(url=url), timeout=1).overview()
        thread.join()


def test_http_where_tls_was_configured_is_a_matter_of_the_url(replay):
    url = replay.url.replace("http:", "https:")
    with pytest.raises(ConfigError, match="found an HTTP service") as caught:
        ConnectWorker(Connect(url=url), timeout=1).overview()
    assert replay.url in caught.value.hint


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<html>console</html>"),
        (200, "application/json", b'["a list"]'),
        (200, "application/json", b"{broken"),
    ],
)
def test_another_service_behind_the_url_is_a_usage_error(replay, worker, status, kind, body):
    replay.raw(OVERVIEW, status, kind, body)
    with pytest.raises(ConfigError, match="is not a Kafka Connect worker"):
        worker.overview()


def test_an_error_of_the_workers_own_keeps_its_words(replay, worker):
    replay.say(OVERVIEW, 500, {"error_code": 500, "message": "boom password=hunter2"})
    with pytest.raises(StageFailed, match=r"500 to .*: boom password=\*\*\*"):
        worker.overview()


def test_a_workers_own_timeout_is_a_timeout(replay, worker):
    replay.say(OVERVIEW, 500, {"error_code": 500, "message": "Request timed out"})
    with pytest.raises(TimedOut):
        worker.overview()


@pytest.mark.parametrize("url", ["localhost:8083", "ftp://h", "http://", "http://h:port", ""])
def test_a_url_that_is_none_is_a_configuration_error(url):
    with pytest.raises(ConfigError, match=r"is not an address|is not configured"):
        ConnectWorker(Connect(url=url))


def test_a_url_with_a_password_is_refused_without_showing_it():
    with pytest.raises(ConfigError, match="holds a user name") as caught:
        ConnectWorker(Connect(url="http://u:hunter2@h:8083"))
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


def test_names_with_slashes_and_spaces_stay_one_path_element(replay, worker):
    name = "a/b c?d"
    replay.say("/connectors/a%2Fb%20c%3Fd/offsets", 200, {"offsets": []})
    assert worker.offsets(name) == ()


def everything_below(kind: type[BaseException]) -> set[type[BaseException]]:
    found = set(kind.__subclasses__())
    return found.union(*(everything_below(one) for one in found)) if found else found


def test_every_exception_of_the_http_client_is_mapped():
    mapped = tuple(kind for kind, _ in connect_rest._FAILURES)
    own = everything_below(http.client.HTTPException)
    assert own  # the vendor's list is not empty
    assert all(issubclass(one, mapped) for one in own)
    assert issubclass(OSError, mapped)
    assert issubclass(socket.timeout, mapped)
