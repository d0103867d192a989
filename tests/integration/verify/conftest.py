"""What the tests of verdicts do while one is come to."""

import pytest

from bictl.verify import frame


@pytest.fixture
def before_check(monkeypatch):
    """`before_check("T2", action)`: does it each time that the check begins."""

    def arrange(name, action):
        judge = frame.run

        def run(definition, world):
            if definition.id == name:
                action()
            return judge(definition, world)

        monkeypatch.setattr(frame, "run", run)

    return arrange
