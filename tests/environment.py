"""The environment that a command of bictl gets in a test."""

import os


def plain_environment() -> dict[str, str]:
    """This process's environment without what is bictl's, or its tests'."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BICTL_")}
