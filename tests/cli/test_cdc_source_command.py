"""bictl cdc enable and check: what a person sees of the source, with no SQL Server to ask."""

import json
import socket

from tsql import complaints


def test_enable_prints_the_script_and_nothing_else(cli):
    done = cli("cdc", "enable", "--table", "product", "--login", "debezium")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("-- Change data capture for the database t")
    assert "@source_name = N'Product'" in done.stdout
    assert complaints(done.stdout) == []
    document = json.loads(cli("cdc", "enable", "--login", "debezium", "--json").stdout)
    assert document["rows"][0]["script"] == done.stdout


def test_a_source_that_the_topic_does_not_tell_can_be_named(cli):
    done = cli("cdc", "enable", "-t", "product", "--source", "ConcordDb.dbo.Order Details")
    assert "@source_name = N'Order Details'" in done.stdout
    refused = cli("cdc", "enable", "-t", "product", "--source", "Orders")
    assert refused.exit_code == 2
    assert "hint: name the table at the source: --source ConcordDb.dbo.Product" in refused.stderr


def test_check_without_a_source_says_what_to_configure(cli):
    done = cli("cdc", "check")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: [sqlserver] host is not configured\nhint: add the source")


def test_check_of_a_server_that_is_not_there_can_be_tried_again(cli):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    env = {
        "BICTL_SQLSERVER_HOST": "localhost",
        "BICTL_SQLSERVER_PORT": str(port),
        "BICTL_SQLSERVER_PASSWORD": "Sentinel-1",
    }
    done = cli("cdc", "check", env=env)
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        f"error: no SQL Server at localhost:{port}: Connection refused\n"
        "hint: start the server, or correct [sqlserver] host and port\n"
    )
