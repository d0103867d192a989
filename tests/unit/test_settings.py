"""Settings: which value wins, where it came from, and what is said about a mistake."""

import os
from pathlib import Path

import pytest

from bictl.errors import ConfigError, NotFound
from bictl.settings import Override, Secret, Settings, config_paths, load, state_dir

SENTINEL = "S3CR3T-sentinel"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No configuration of this machine is in reach."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refused(match: str, **given) -> ConfigError:
    with pytest.raises(ConfigError, match=match) as caught:
        load(**given)
    assert caught.value.exit_code == 2
    return caught.value


# --- which value wins


def test_flag_over_environment_over_profile_over_file_over_default(tmp_path, environment):
    path = write(
        tmp_path / "c.toml",
        """
        [kafka]
        bootstrap_servers = "from-file:1"
        group = "from-file"
        [s3]
        bucket = "from-file"
        region = "from-file"
        [profiles.staging.kafka]
        bootstrap_servers = "from-profile:1"
        group = "from-profile"
        [profiles.staging.s3]
        bucket = "from-profile"
        """,
    )
    environment |= {"BICTL_KAFKA_BOOTSTRAP_SERVERS": "from-env:1", "BICTL_KAFKA_GROUP": "from-env"}
    flags = (Override("kafka.bootstrap_servers", "from-flag:1", "--bootstrap-servers"),)
    found = load(config=str(path), profile="staging", overrides=flags, environment=environment)
    assert found.kafka.bootstrap_servers == "from-flag:1"
    assert found.kafka.group == "from-env"
    assert found.s3.bucket == "from-profile"
    assert found.s3.region == "from-file"
    assert found.postgres.port == 5433
    assert found.origins == {
        "kafka.bootstrap_servers": "--bootstrap-servers",
        "kafka.group": "BICTL_KAFKA_GROUP",
        "s3.bucket": f"{path} [profiles.staging]",
        "s3.region": str(path),
    }
    assert (found.path, found.profile) == (path, "staging")


def test_the_nearest_file_wins_and_files_are_not_merged(tmp_path, environment):
    user = write(tmp_path / "config/bictl/config.toml", '[s3]\nbucket = "user"\nregion = "user"')
    assert load(environment=environment).path == user
    write(Path("bictl.toml"), '[s3]\nbucket = "here"')
    found = load(environment=environment)
    assert (found.s3.bucket, found.s3.region) == ("here", "us-east-1")
    named = write(tmp_path / "named.toml", '[s3]\nbucket = "named"')
    assert load(environment=environment | {"BICTL_CONFIG": str(named)}).s3.bucket == "named"
    other = write(tmp_path / "other.toml", '[s3]\nbucket = "other"')
    found = load(config=str(other), environment=environment | {"BICTL_CONFIG": str(named)})
    assert found.s3.bucket == "other"


def test_the_order_of_the_places(environment, tmp_path):
    assert config_paths(environment) == [
        Path("bictl.toml"),
        tmp_path / "config/bictl/config.toml",
        Path("/etc/bictl/config.toml"),
    ]


def test_a_running_local_stack_is_used_when_nothing_is_configured(tmp_path, environment):
    stack = write(tmp_path / "state/bictl/stack/bictl.toml", "[postgres]\nport = 12345")
    found = load(environment=environment)
    assert (found.postgres.port, found.local_stack, found.path) == (12345, True, stack)
    write(Path("bictl.toml"), "")
    found = load(environment=environment)
    assert (found.postgres.port, found.local_stack) == (5433, False)


def test_without_anything_the_fixed_names_apply(environment):
    found = load(environment=environment)
    assert found.path is None
    assert not found.local_stack
    product = found.table("product")
    assert product.topic == "cord.ConcordDb.dbo.Product"
    assert (product.prefix, product.bronze) == ("product/raw/", "bronze.product_cdc")
    assert product.embeddings == "analytics_features.product_embeddings"
    assert found.s3.bucket == "cord-raw"
    assert found.origins == {}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"BICTL_STATE_DIR": "/a", "XDG_STATE_HOME": "/b"}, "/a"),
        ({"XDG_STATE_HOME": "/b"}, "/b/bictl"),
        ({}, "/var/lib/bictl" if os.geteuid() == 0 else "~/.local/state/bictl"),
    ],
)
def test_where_the_state_is(environment, expected):
    assert state_dir(environment) == Path(expected).expanduser()


def test_the_environment_reaches_tables_lists_numbers_and_truths(environment):
    found = load(
        environment=environment
        | {
            "BICTL_TABLES_PRODUCT_TOPIC": "other.topic",
            "BICTL_TABLES_PRODUCT_KEY": "ID, Region",
            "BICTL_TABLES_PRODUCT_ID": "id, region",
            "BICTL_TABLES_PRODUCT_EXPECT_EMPTY": "yes",
            "BICTL_POSTGRES_PORT": "6000",
            "BICTL_DEBUG": "1",
        }
    )
    product = found.table("product")
    assert (product.topic, product.key, product.expect_empty) == (
        "other.topic",
        ("ID", "Region"),
        1,
    )
    assert found.postgres.port == 6000
    assert found.origins["tables.product.topic"] == "BICTL_TABLES_PRODUCT_TOPIC"


def test_a_table_of_another_name_gets_names_of_its_own(tmp_path, environment):
    path = write(tmp_path / "c.toml", '[tables.category]\ntopic = "cord.ConcordDb.dbo.Category"')
    found = load(config=str(path), environment=environment)
    category = found.table("category")
    assert (category.prefix, category.bronze) == ("category/raw/", "bronze.category_cdc")
    assert (category.staging, category.id) == ("stg_category", ("category_id",))
    assert (category.key, category.key_types) == (("ID",), ("integer",))
    assert found.table_of_topic("cord.ConcordDb.dbo.Category") is category
    with pytest.raises(NotFound, match="unknown table 'categry'") as caught:
        found.table("categry")
    assert "'category'" in caught.value.hint


def test_a_key_of_several_columns_has_a_type_and_a_staging_column_for_each(tmp_path, environment):
    text = """[tables.line]
topic = "line"
key = ["Order No", "Line"]
key_types = ["text", "bigint"]
id = ["order_no", "line"]
[tables.maker]
topic = "maker"
id = "code"
"""
    path = write(tmp_path / "c.toml", text)
    found = load(config=str(path), environment=environment)
    line = found.table("line")
    assert (line.key, line.key_types) == (("Order No", "Line"), ("text", "bigint"))
    assert line.id == ("order_no", "line")
    assert found.table("maker").id == ("code",)
    found = load(
        config=str(path),
        environment=environment
        | {"BICTL_TABLES_LINE_KEY_TYPES": "text, integer", "BICTL_TABLES_MAKER_ID": "no"},
    )
    assert found.table("line").key_types == ("text", "integer")
    assert found.table("maker").id == ("no",)


def test_the_profile_may_come_from_the_environment(tmp_path, environment):
    path = write(tmp_path / "c.toml", '[profiles.staging.s3]\nbucket = "b"')
    found = load(config=str(path), environment=environment | {"BICTL_PROFILE": "staging"})
    assert (found.s3.bucket, found.profile) == ("b", "staging")
    refused("no profile 'staging'", environment=environment | {"BICTL_PROFILE": "staging"})


# --- what is said about a mistake


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("[kafka]\nbootstrap_server = 'x'", "kafka.bootstrap_server", "kafka.bootstrap_servers"),
        ("[kafkaa]\nx = 1", "kafkaa", "kafka"),
        ("[tables.product]\ntopc = 'x'", "tables.product.topc", "tables.product.topic"),
        ("[postgres]\npasword = 'x'", "postgres.pasword", "postgres.password"),
        ("[profiles.a.s3]\nbuckets = 'x'", "s3.buckets", "s3.bucket"),
    ],
)
def test_a_misspelt_key_is_named_with_its_file_and_the_nearest_right_one(
    tmp_path, environment, text, unknown, nearest
):
    path = write(tmp_path / "c.toml", text)
    error = refused("unknown", config=str(path), environment=environment)
    assert str(path) in error.message
    assert repr(unknown) in error.message
    assert error.hint == f"did you mean {nearest!r}?"


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("BICTL_KAFKA_BOOTSTRAP_SERVER", "BICTL_KAFKA_BOOTSTRAP_SERVERS"),
        ("BICTL_POSTGRES_PASWORD", "BICTL_POSTGRES_PASSWORD"),
        ("BICTL_S4_BUCKET", "BICTL_S3_BUCKET"),
        ("BICTL_KAFKA", "BICTL_KAFKA_GROUP"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest_right_one(environment, variable, nearest):
    error = refused("the environment: unknown", environment=environment | {variable: "x"})
    assert variable in error.message
    assert nearest in error.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[postgres]\nport = 'x'", "postgres.port must be a whole number, got a text"),
        ("[postgres]\nport = true", "postgres.port must be a whole number, got true or false"),
        ("[postgres]\nhost = 5", "postgres.host must be a text, got a whole number"),
        ("[postgres]\npassword = 5", "postgres.password must be a text, got a whole number"),
        ("[tables.product]\nkey = 'ID'", "tables.product.key must be a list of texts, got a text"),
        ("[tables.product]\nkey = [1]", "tables.product.key must be a list of texts"),
        ("[tables.product]\nexpect_empty = 'no'", "must be true or false, got a text"),
        ("kafka = 3", "'kafka' stands outside of a section"),
        ("[tables]\nproduct = 3", "tables.product must be a section of keys"),
        ("profiles = 3", "profiles must be sections"),
        ("[profiles]\na = 3", "profiles must be sections"),
        ("[kafka", "is not valid TOML"),
        ("[postgres]\nport = 0", r"\[postgres\] port must be from 1 to 65535, got 0"),
        ("[ingest]\nbatch_records = 0", "batch_records must be from 1"),
        ("[verify]\nmax_lag = -1", "max_lag must be from 0"),
        ("[kafka]\nsecurity_protocol = 'SASLSSL'", "'SASLSSL' is not one of"),
        ("[kafka]\nend_offsets = 'lst'", "'lst' is not one of"),
        ("[postgres]\nsslmode = 'verify'", "'verify' is not one of"),
        ("[embedding]\nengine = 'torch'", "'torch' is not one of"),
        ("[dbt]\ntarget_schema = 'a;b'", "not a plain SQL name"),
        ("[tables.category]\nkey = ['ID']", r"\[tables.category\] has no topic"),
        ("[tables.product]\ntopic = '..'", "not a legal topic name"),
        ("[tables.product]\ntopic = 'a/b'", "not a legal topic name"),
        ("[tables.product]\nprefix = '../x/'", "not a key prefix"),
        ("[tables.product]\nprefix = '/x/'", "not a key prefix"),
        ("[tables.product]\nprefix = 'x'", "not a key prefix"),
        ("[tables.product]\nbronze = 'product_cdc'", "is not schema.table"),
        ("[tables.product]\nbronze = 'a.b; drop table c'", "is not schema.table"),
        ("[tables.product]\nembed = ['a\"b']", "embed 'a\"b' is not a plain SQL name"),
        ("[tables.product]\nid = 'a b'", "id 'a b' is not a plain SQL name"),
        ("[tables.product]\nid = 5", "tables.product.id must be a list of texts, got a whole"),
        ("[tables.product]\nkey = []", "key names no column"),
        ("[tables.product]\nkey = ['']", "key names no column"),
        ("[tables.product]\nkey = ['A', 'A']\nid = ['a', 'b']", "key names 'A' twice"),
        ("[tables.product]\nkey = ['A', 'B']\nid = ['a', 'a']", "id names 'a' twice"),
        ("[tables.product]\nkey = ['A', 'B']", "id has 0 of 2: a staging column is needed for"),
        ("[tables.product]\nid = ['a', 'b']", "id has 2 of 1: a staging column is needed for"),
        (
            "[tables.product]\nkey_types = ['text', 'text']",
            "key_types has 2 of 1: a type is needed for each of ID",
        ),
        (
            "[tables.product]\nkey_types = ['bigit']",
            r"\[tables.product\] key_types 'bigit' is not one of 'integer', 'bigint', 'text'",
        ),
    ],
)
def test_a_wrong_value_is_a_usage_error_that_names_the_key(tmp_path, environment, text, message):
    path = write(tmp_path / "c.toml", text)
    refused(message, config=str(path), environment=environment)


def test_a_wrong_value_is_traced_to_where_it_was_said(tmp_path, environment):
    path = write(tmp_path / "c.toml", "[postgres]\nport = 0")
    assert str(path) in refused("port", config=str(path), environment=environment).message
    variable = environment | {"BICTL_EMBEDDING_ENGINE": "onx"}
    error = refused("^BICTL_EMBEDDING_ENGINE: ", environment=variable)
    assert error.hint == "did you mean 'onnx'?"
    variable = environment | {"BICTL_TABLES_PRODUCT_KEY_TYPES": "bigit"}
    error = refused("^BICTL_TABLES_PRODUCT_KEY_TYPES: ", environment=variable)
    assert error.hint.startswith("did you mean 'bigint'?")


@pytest.mark.parametrize(
    ("variable", "text"),
    [("BICTL_POSTGRES_PORT", "5433x"), ("BICTL_TABLES_PRODUCT_EXPECT_EMPTY", "maybe")],
)
def test_a_wrong_text_in_the_environment_names_the_variable(environment, variable, text):
    refused(f"{variable} must be", environment=environment | {variable: text})


@pytest.mark.parametrize("key", ["topic", "prefix", "bronze", "staging", "embeddings"])
def test_two_tables_never_share_a_place(tmp_path, environment, key):
    value = {"topic": "t", "prefix": "p/", "staging": "s"}.get(key, "a.b")
    text = "".join(
        f'[tables.{name}]\ntopic = "topic_{name}"\n' if key != "topic" else f"[tables.{name}]\n"
        for name in ("a", "b")
    )
    text = text.replace("]\n", f']\n{key} = "{value}"\n')
    path = write(tmp_path / "c.toml", text)
    refused(rf"\[tables.a\] and \[tables.b\] have one {key}", config=str(path))


def test_a_missing_file_and_an_unknown_profile_say_what_to_do(tmp_path, environment):
    error = refused("nowhere.toml does not exist", config=str(tmp_path / "nowhere.toml"))
    assert "bictl config init" in error.hint
    path = write(tmp_path / "c.toml", "[profiles.staging.s3]\nbucket = 'b'")
    error = refused("no profile 'stagin'", config=str(path), profile="stagin")
    assert "staging" in error.hint


# --- secrets


def test_a_secret_is_never_shown_by_repr_str_format_or_in_a_frozen_value(tmp_path, environment):
    path = write(tmp_path / "c.toml", f'[postgres]\npassword = "{SENTINEL}"')
    found = load(config=str(path), environment=environment)
    assert found.postgres.password.reveal() == SENTINEL
    for text in (repr(found), str(found), f"{found.postgres.password}", repr(vars(found))):
        assert SENTINEL not in text
    assert "***" in repr(found.postgres)
    assert repr(Secret()) == "-"


def test_secrets_come_from_files_and_commands_when_they_are_needed(tmp_path, environment):
    write(tmp_path / "pass", f"{SENTINEL}\n")
    marker = tmp_path / "ran"
    path = write(
        tmp_path / "c.toml",
        f"""
        [postgres]
        password_file = "{tmp_path}/pass"
        [s3]
        secret_access_key_command = "sh -c 'touch {marker}; echo from-command'"
        """,
        mode=0o644,  # it holds no secret itself
    )
    found = load(config=str(path), environment=environment)
    assert not marker.exists()
    assert found.postgres.password.reveal() == SENTINEL
    assert found.s3.secret_access_key.reveal() == "from-command"
    assert found.kafka.sasl_password.reveal() is None


def test_a_later_way_to_give_a_secret_replaces_an_earlier_one(tmp_path, environment):
    write(tmp_path / "pass", "from-file")
    path = write(tmp_path / "c.toml", '[postgres]\npassword = "inline"')
    environment |= {"BICTL_POSTGRES_PASSWORD_FILE": str(tmp_path / "pass")}
    found = load(config=str(path), environment=environment)
    assert found.postgres.password.reveal() == "from-file"
    assert found.origins == {"postgres.password_file": "BICTL_POSTGRES_PASSWORD_FILE"}


def test_a_secret_given_twice_in_one_place_is_refused(tmp_path, environment):
    path = write(tmp_path / "c.toml", '[postgres]\npassword = "a"\npassword_file = "b"')
    refused("name one secret twice", config=str(path), environment=environment)


@pytest.mark.parametrize(("mode", "legal"), [(0o600, 1), (0o640, 1), (0o644, 0), (0o602, 0)])
def test_a_file_with_a_secret_that_every_user_can_read_is_refused(
    tmp_path, environment, mode, legal
):
    inline = write(tmp_path / "c.toml", '[postgres]\npassword = "x"', mode=mode)
    secret = write(tmp_path / "pass", "x", mode=mode)
    if legal:
        assert load(config=str(inline), environment=environment).postgres.password.reveal() == "x"
        assert Secret(file=str(secret)).reveal() == "x"
    else:
        assert "chmod 600" in refused("every user can read", config=str(inline)).hint
        with pytest.raises(ConfigError, match="every user can read"):
            Secret(file=str(secret)).reveal()


def test_a_secret_in_a_profile_closes_the_file_too(tmp_path, environment):
    path = write(tmp_path / "c.toml", '[profiles.a.postgres]\npassword = "x"', mode=0o644)
    refused("every user can read", config=str(path), environment=environment)


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (Secret(file="/nowhere/pass"), "cannot read the secret's file /nowhere/pass"),
        (Secret(command="false"), "command 'false' failed"),
        (Secret(command="no-such-program --x"), "command 'no-such-program' failed"),
        (Secret(command="'unbalanced"), "failed"),
    ],
)
def test_a_secret_that_cannot_be_had_is_a_configuration_error(secret, message):
    with pytest.raises(ConfigError, match=message):
        secret.reveal()


def test_a_failing_command_does_not_show_what_it_printed(capfd):
    secret = Secret(command=f"sh -c 'echo {SENTINEL}; echo {SENTINEL} >&2; exit 3'")
    with pytest.raises(ConfigError) as caught:
        secret.reveal()
    shown = capfd.readouterr()
    assert SENTINEL not in f"{caught.value.message}{caught.value.hint}{shown.out}{shown.err}"


def test_every_section_is_frozen():
    with pytest.raises(AttributeError):
        Settings().kafka.group = "x"
