"""Wrong passwords on real services: a usage error that names the credential and never shows it."""

import re

import pytest

HEAD, TAIL = "S3CR3Thead", "T0K3Ntail"
SENTINEL = f"{HEAD}@p%2F/x{TAIL}"


def wrong(service: str) -> dict[str, str]:
    return {
        "postgres": {"BICTL_POSTGRES_PASSWORD": SENTINEL},
        "s3": {"BICTL_S3_SECRET_ACCESS_KEY": SENTINEL},
    }[service]


@pytest.mark.parametrize(
    ("service", "command"),
    [
        ("postgres", ("migrate",)),
        ("postgres", ("load-bronze",)),
        ("postgres", ("transform",)),
        ("postgres", ("embed",)),
        ("postgres", ("search", "steel bolt")),
        ("s3", ("load-bronze",)),
        ("s3", ("ingest",)),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_wrong_password_exits_2_and_is_not_shown(cli, settings, produce, service, command):
    produce(settings.table("product").topic, [(b"1", b"{}", [], 1, 0)])
    done = cli("-vv", "--debug", *command, env=wrong(service))
    assert done.exit_code == 2, done.stderr
    assert done.stdout == ""
    assert HEAD not in done.stderr
    assert TAIL not in done.stderr
    assert re.search(r"^error: ", done.stderr, re.MULTILINE)
    assert re.search(rf"^hint: .*{service}", done.stderr, re.MULTILINE | re.IGNORECASE)
    for file in settings.state_dir.rglob("*"):
        assert not file.is_file() or HEAD.encode() not in file.read_bytes()
