"""Secrets in a connector: references pass to the worker unchanged, literal ones are warned about.

A reference is `${provider:path:key}` or `${provider:key}`; the worker replaces it when it starts
the connector, and takes it literally when its `config.providers` does not name the provider.
https://kafka.apache.org/documentation/#config_providers
"""

import re
from collections.abc import Iterator, Mapping

from bictl.cdc.finding import Finding, fail, warn
from bictl.settings.redact import SECRET_NAME

_REFERENCE = re.compile(r"\$\{([^}:]*):(?:([^}]*?):)?([^}]*)\}")  # the worker's own expression
_OPENED = re.compile(r"\$\{[^}]*\}?|\$[a-z]+:[^}\s]*\}")
# Kafka's own providers, and the names that people give to others in their handbooks.
_USUAL = {"file", "dir", "directory", "env", "secrets", "vault", "aws", "azure", "gcp"}
_WITH_PATH = {"file", "dir", "directory"}


def check_secrets(config: Mapping[str, str]) -> Iterator[Finding]:
    """Literal passwords, and references that the worker would not resolve."""
    for key, value in config.items():
        if "${" in value or _OPENED.search(value):
            yield from _reference(key, value)
        elif SECRET_NAME.search(key) and value:
            yield warn(
                key,
                "a literal secret: it lies in clear in the worker's config topic and REST answers",
                "write ${file:/path/of.properties:key} and give the worker that file",
            )


def _reference(key: str, value: str) -> Iterator[Finding]:
    whole = list(_REFERENCE.finditer(value))
    rest = _REFERENCE.sub("", value)
    if not SECRET_NAME.search(key) and not whole:
        return  # a regular expression's own `$`, a router's `${routedByValue}`
    if _OPENED.search(rest):
        yield fail(
            key,
            "a reference that the worker does not understand: it would be used literally",
            "write ${provider:path:key}, e.g. ${file:/path/of.properties:key}",
        )
    for found in whole:
        provider, path, _ = found.groups()
        if provider in _WITH_PATH and not path:
            yield fail(
                key,
                f"the provider {provider} wants a path and a key",
                f"write ${{{provider}:/path/of.properties:key}}",
            )
        elif provider not in _USUAL:
            yield warn(
                key,
                f"the worker has to have a provider {provider!r}, or it uses the text literally",
                f"config.providers={provider} in the worker's own properties",
            )
