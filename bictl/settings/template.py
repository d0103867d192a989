"""A configuration file with every key, its default and what it is for."""

import dataclasses
import inspect
import json
import typing
from typing import Any

from bictl.settings.secret import Secret
from bictl.settings.values import PRODUCT, Settings, Table

_HEAD = """\
# bictl's configuration. A key that stands behind a # has the value shown by default.
#
# Any key can be overridden: BICTL_<SECTION>_<KEY>=… in the environment, flags where there are any.
# A password may stand here (then keep this file at mode 0600), or better in a file of its own
# (password_file) or behind a command (password_command).
"""
_TAIL = """
# Another source table is another section. These two have shipped models, so only their topics have
# to be named; for any other table `bictl tables add --topic …` writes section, model and tests.
# [tables.category]
# topic = "cord-category.ConcordDb.dbo.Category"
# [tables.manufacturer]
# topic = "cord-manufacturer.ConcordDb.dbo.Manufacturer"

# A profile lays the same sections over the ones above: bictl --profile staging …
# [profiles.staging.kafka]
# bootstrap_servers = "kafka.staging:9092"
"""


def template() -> str:
    """The file's text: legal TOML that says what the defaults say."""
    sections = [
        _section(name, kind, kind())
        for name, kind in typing.get_type_hints(Settings).items()
        if dataclasses.is_dataclass(kind) and isinstance(kind, type)
    ]
    return "\n".join([_HEAD, *sections, _section("tables.product", Table, PRODUCT)]) + _TAIL


def _section(name: str, kind: type, values: object) -> str:
    purpose = inspect.cleandoc(kind.__doc__ or "").split("\n")
    lines = [f"# {line}".rstrip() for line in purpose]
    lines.append(f"[{name}]")
    for key, hint in typing.get_type_hints(kind).items():
        if hint is Secret:
            lines.append(f'# {key}_file = "/etc/bictl/{name}.pass"')
        elif key != "name":
            lines.append(f"# {key} = {_toml(getattr(values, key))}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
