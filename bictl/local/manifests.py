"""What Debezium 2.4 leaves out of its jars: the lists of its plugins (META-INF/services).

With them the worker finds its plugins by looking them up (`plugin.discovery=service_load`); without
them it loads every class of every jar at each start, more than half of its time to start.
https://kafka.apache.org/39/documentation.html#connect_plugindiscovery
"""

import zipfile
from pathlib import Path

PLUGINS = {
    "source.SourceConnector": (
        "io.debezium.connector.postgresql.PostgresConnector",
        "io.debezium.connector.sqlserver.SqlServerConnector",
    ),
    "transforms.Transformation": (
        "io.debezium.connector.postgresql.transforms.timescaledb.TimescaleDb",
        "io.debezium.transforms.ByLogicalTableRouter",
        "io.debezium.transforms.ExtractChangedRecordState",
        "io.debezium.transforms.ExtractNewRecordState",
        "io.debezium.transforms.HeaderToValue",
        "io.debezium.transforms.SchemaChangeEventFilter",
        "io.debezium.transforms.TimezoneConverter",
        "io.debezium.transforms.outbox.EventRouter",
        "io.debezium.transforms.partitions.ComputePartition",
        "io.debezium.transforms.partitions.PartitionRouting",
        "io.debezium.transforms.tracing.ActivateTracingSpan",
    ),
    "storage.Converter": (
        "io.debezium.converters.BinaryDataConverter",
        "io.debezium.converters.ByteArrayConverter",
        "io.debezium.converters.CloudEventsConverter",
    ),
    "storage.HeaderConverter": (
        "io.debezium.converters.BinaryDataConverter",
        "io.debezium.converters.ByteArrayConverter",
    ),
}


def write_manifests(plugins: Path) -> None:
    """Puts a jar with the lists into each plugin's directory: the classes that its jars hold."""
    for directory in plugins.iterdir():
        held = {name for jar in directory.glob("*.jar") for name in _names(jar)}
        with zipfile.ZipFile(directory / "bictl-plugin-lists.jar", "w") as target:
            for kind, classes in PLUGINS.items():
                found = [name for name in classes if f"{name.replace('.', '/')}.class" in held]
                target.writestr(
                    f"META-INF/services/org.apache.kafka.connect.{kind}", "\n".join(found) + "\n"
                )


def _names(jar: Path) -> list[str]:
    with zipfile.ZipFile(jar) as file:
        return file.namelist()
