"""The bictl.toml of the local stack, which settings.load() uses when there is no other one."""

from pathlib import Path

from bictl.local.ports import HOST
from bictl.local.postgres import DATABASE, USER
from bictl.local.seaweed import BUCKET, REGION
from bictl.local.service import Place
from bictl.local.source import USER as SOURCE_USER

_TABLES = "\n[tables.product]\n"
CONNECTOR = "postgres-product-connector"


def text(place: Place, *, jvm: bool = False) -> str:
    """The configuration's text; it holds credentials, so the file is the owner's alone."""
    return f"""\
{_jvm(place) if jvm else _embedded(place)}
[s3]
endpoint_url = "http://{HOST}:{place.ports["s3"]}"
region = "{REGION}"
bucket = "{BUCKET}"
access_key_id = "{place.secrets["s3_access_key_id"]}"
secret_access_key = "{place.secrets["s3_secret_access_key"]}"

[postgres]
host = "{HOST}"
port = {place.ports["postgres"]}
dbname = "{DATABASE}"
user = "{USER}"
password = "{place.secrets["postgres"]}"

[tables.product]
topic = "cord.ConcordDb.dbo.Product"
key = ["ID"]
embed = ["name", "vendor_code", "description"]
"""


def with_tables_of(old: str, new: str) -> str:
    """The new text with what stands in the old one from its tables on: `bictl tables add` writes
    there, and a restart of the stack is no reason to forget it."""
    head, mark, tables = new.partition(_TABLES)
    kept = old.partition(_TABLES)[2]
    return f"{head}{mark}{kept or tables}"


def _embedded(place: Place) -> str:
    return f"""\
# Written by `bictl stack up`: the embedded services on this machine.
[kafka]
bootstrap_servers = "{HOST}:{place.ports["kafka"]}"
end_offsets = "fetch"    # this broker's ListOffsets answers too low
"""


def _jvm(place: Place) -> str:
    return f"""\
# Written by `bictl stack up --jvm`: a real Kafka, Connect and a source database on this machine.
[kafka]
bootstrap_servers = "{HOST}:{place.ports["kafka"]}"
end_offsets = "list"

[connect]
url = "http://{HOST}:{place.ports["connect"]}"
connector = "{CONNECTOR}"
connectors_dir = "{connectors_dir(place.directory)}"

[source]
host = "{HOST}"
port = {place.ports["source"]}
user = "{SOURCE_USER}"
password = "{place.secrets["source"]}"
"""


def connectors_dir(directory: Path) -> Path:
    """Where the connector's file is, in a stack's directory."""
    return directory / "connectors"
