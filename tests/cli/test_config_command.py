"""bictl config: what it prints, what it writes, how it refuses."""

import json
import tomllib
from pathlib import Path

import pytest

from bictl.settings import Secret, load
from bictl.settings.explain import explain
from bictl.settings.template import template

SENTINEL = "S3CR3T-sentinel"


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_show_names_value_and_source_of_every_key(cli_plain, tmp_path):
    path = write(
        tmp_path / "bictl.toml", '[s3]\nbucket = "b"\n[profiles.staging.kafka]\ngroup = "g"'
    )
    done = cli_plain("--profile", "staging", "config", "show", env={"BICTL_POSTGRES_PORT": "6000"})
    rows = cells(done.stdout)
    assert done.exit_code == 0
    assert rows["s3.bucket"] == ("b", "bictl.toml")
    assert rows["kafka.group"] == ("g", "bictl.toml [profiles.staging]")
    assert rows["postgres.port"] == ("6000", "BICTL_POSTGRES_PORT")
    assert rows["postgres.host"] == ("localhost", "default")
    assert rows["tables.product.key"] == ('["ID"]', "default")
    assert done.stderr == f"{path.name}, profile staging\n"


def cells(tsv: str) -> dict[str, tuple[str, str]]:
    """key -> (value, source)"""
    rows = [line.split("\t") for line in tsv.splitlines()]
    return {key: (value, source) for key, value, source in rows}


def test_show_as_json_names_file_profile_and_state_directory(cli_plain, tmp_path):
    write(tmp_path / "bictl.toml", "")
    document = json.loads(cli_plain("config", "show", "--json").stdout)
    assert document["schema"] == "bictl.config/1"
    assert (document["path"], document["profile"]) == ("bictl.toml", None)
    assert document["local_stack"] is False
    assert document["state_dir"] == str(tmp_path / "state")
    assert {"key", "value", "source"} == set(document["settings"][0])


def test_show_masks_secrets_and_says_where_they_are_kept(cli_plain, tmp_path):
    secret = write(tmp_path / "pass", SENTINEL)
    write(
        tmp_path / "bictl.toml",
        f'[postgres]\npassword = "{SENTINEL}"\n[s3]\nsecret_access_key_file = "{secret}"\n'
        f"[kafka]\nsasl_password_command = \"sh -c 'echo {SENTINEL}'\"",
    )
    for form in ("tsv", "json", "jsonl", "table"):
        done = cli_plain("config", "show", "-o", form)
        assert SENTINEL not in done.stdout + done.stderr
    rows = cells(cli_plain("config", "show").stdout)
    assert rows["postgres.password"] == ("***", "bictl.toml")
    assert rows["s3.secret_access_key"] == (f"*** (from the file {secret})", "bictl.toml")
    assert rows["kafka.sasl_password"] == ("*** (from the command 'sh')", "bictl.toml")
    assert rows["connect.password"] == ("", "default")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[kafka]\nbootstrap_server = 'x'", "unknown key 'kafka.bootstrap_server'"),
        ("[kafka", "is not valid TOML"),
        ("[postgres]\nport = 0", "port must be from 1 to 65535"),
        ("[postgres]\npassword_file = '/nowhere'", "cannot read the secret's file /nowhere"),
        ("[kafka]\nbootstrap_servers = 'http://localhost:9092'", "is not host:port"),
        ("[s3]\nendpoint_url = 'localhost:9000'", "'localhost:9000' is not an address"),
        ("[profiles.a.s3]\nbuckets = 'x'", "unknown key 's3.buckets'"),
    ],
)
def test_validate_exits_2_and_names_what_is_wrong(cli_plain, tmp_path, text, message):
    write(tmp_path / "bictl.toml", text)
    done = cli_plain("config", "validate")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr


def test_validate_says_that_a_legal_file_is_legal_and_is_silent_with_q(cli_plain, tmp_path):
    write(tmp_path / "bictl.toml", "")
    done = cli_plain("config", "validate")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "bictl.toml: legal\n")
    done = cli_plain("-q", "config", "validate")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_the_written_file_is_legal_says_the_defaults_and_is_its_owners_alone(cli_plain, tmp_path):
    done = cli_plain("config", "init")
    path = tmp_path / "bictl.toml"
    assert (done.exit_code, done.stdout) == (0, "")
    assert "wrote bictl.toml" in done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["bictl.toml"]
    assert cli_plain("config", "validate").exit_code == 0


def test_every_line_of_the_template_is_legal_when_its_comment_sign_is_taken_away(tmp_path):
    lines = []
    for line in template().splitlines():
        bare = line.removeprefix("# ")
        is_setting = " = " in bare and not bare.startswith("bictl ") and line.startswith("# ")
        lines.append(bare if is_setting or bare.startswith("[") else line)
    text = "\n".join(lines)
    tomllib.loads(text)
    path = write(tmp_path / "all.toml", text)
    found = load(config=str(path), environment={})
    empty = load(config=str(write(tmp_path / "empty", "")), environment={})
    defaults = {one.key: one.shown for one in explain(empty)}
    for one in explain(found):
        if not one.key.startswith(("tables.category", "tables.manufacturer")) and "***" not in str(
            one.shown
        ):
            assert one.shown == defaults[one.key], one.key
            assert one.source == str(path), one.key
    assert isinstance(found.postgres.password, Secret)


def test_a_file_that_is_there_is_never_overwritten_without_force(cli_plain, tmp_path):
    path = write(tmp_path / "bictl.toml", "# mine", mode=0o644)
    done = cli_plain("config", "init")
    assert (done.exit_code, path.read_text()) == (2, "# mine")
    assert "is there already" in done.stderr
    assert cli_plain("config", "init", "--force").exit_code == 0
    assert path.read_text() == template()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["bictl.toml"]


def test_a_link_in_the_files_place_is_not_written_through(cli_plain, tmp_path):
    victim = write(tmp_path / "victim", "precious")
    (tmp_path / "bictl.toml").symlink_to(victim)
    assert cli_plain("config", "init").exit_code == 2
    assert cli_plain("config", "init", "--force").exit_code == 0
    assert victim.read_text() == "precious"


def test_init_writes_elsewhere_or_to_stdout(cli_plain, tmp_path):
    assert cli_plain("config", "init", "deep/er/config.toml").exit_code == 0
    assert (tmp_path / "deep/er/config.toml").exists()
    done = cli_plain("config", "init", "--stdout")
    assert done.stdout == template()
    assert not (tmp_path / "bictl.toml").exists()
    done = cli_plain("config", "init", "/proc/nowhere/x.toml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "cannot write" in done.stderr


def test_path_prints_the_file_also_when_it_is_broken(cli_plain, tmp_path):
    path = write(tmp_path / "bictl.toml", "[broken")
    done = cli_plain("config", "path")
    assert (done.exit_code, done.stdout) == (0, f"{path}\n")


def test_path_without_a_file_says_where_it_looked(cli_plain):
    done = cli_plain("config", "path")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "/etc/bictl/config.toml" in done.stderr
    assert "hint: bictl config init" in done.stderr
