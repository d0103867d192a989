"""Settings: defaults < file < environment < flags, every value with its provenance."""

from bictl.settings.load import (
    Override,
    check_environment,
    config_paths,
    find_config,
    load,
    state_dir,
)
from bictl.settings.secret import Secret
from bictl.settings.values import (
    S3,
    Connect,
    Dbt,
    Embedding,
    Ingest,
    Kafka,
    Postgres,
    Settings,
    Source,
    SqlServer,
    Table,
    Verify,
)

__all__ = [
    "S3",
    "Connect",
    "Dbt",
    "Embedding",
    "Ingest",
    "Kafka",
    "Override",
    "Postgres",
    "Secret",
    "Settings",
    "Source",
    "SqlServer",
    "Table",
    "Verify",
    "check_environment",
    "config_paths",
    "find_config",
    "load",
    "state_dir",
]
