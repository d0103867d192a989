"""The dbt project as a package of somebody else's project."""

import re

from bictl import assets


def macros():
    return {path.name: path.read_text() for path in assets.path("dbt", "macros").glob("*.sql")}


def test_macros_call_each_other_by_the_package_name_else_another_project_cannot_use_them():
    """In a package's macro a bare name is looked up in the project that calls it."""
    names = "|".join(re.findall(r"{%-? *macro (\w+)\(", "\n".join(macros().values())))
    bare = {
        file: re.findall(rf"(?<![\w.])(?<!macro )(?:{names})\(", text)
        for file, text in macros().items()
    }
    assert {file: found for file, found in bare.items() if found} == {}
