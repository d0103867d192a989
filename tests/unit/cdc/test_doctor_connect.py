"""doctor looks at what the running connector is told, too."""

import pytest
from connect_replay import saved

from bictl.clients import Clients
from bictl.doctor.connect import connect
from bictl.doctor.probe import answers
from bictl.settings import Connect, Settings

INFO = saved("connector_info")["body"]


@pytest.fixture
def examine(replay):
    """What doctor says of the saved connector with these keys changed."""

    def examine(name: str = INFO["name"], **changes: str) -> dict[str, tuple[str, str]]:
        replay.give("root", "connector_plugins", "connectors_list", "connectors_empty")
        replay.connector("status_running")
        info = {**INFO, "config": INFO["config"] | changes}
        replay.answers[f"/connectors/{INFO['name']}"] = []
        replay.say(f"/connectors/{INFO['name']}", 200, info)
        replay.give(
            "bad_path", path=f"/connector-plugins/{INFO['config']['connector.class']}/config"
        )
        settings = Settings(connect=Connect(url=replay.url, connector=name), tables={})
        with Clients(settings, timeout=2) as clients:
            found = list(answers("connect", connect(clients)))
        return {one.what: (one.state, one.detail) for one in found}

    return examine


def test_a_literal_password_is_warned_about(examine):
    state, detail = examine()["its configuration"]
    assert state == "warn"
    assert detail.startswith("database.password: a literal secret")


def test_a_key_that_does_nothing_fails(examine):
    state, detail = examine(**{"snapshot.mdoe": "never"})["its configuration"]
    assert (state, detail.partition(":")[0]) == ("fail", "snapshot.mdoe")


def test_a_connector_that_is_not_there_is_said_once(examine):
    found = examine(name="nobody")
    assert found["connector nobody"][0] == "fail"
    assert found["its configuration"] == ("skipped", "there is no such connector")
