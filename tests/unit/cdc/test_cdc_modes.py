"""How the connector that writes a topic writes values, as the worker tells it."""

import pytest
from connect_replay import saved

from bictl.cdc.modes import unusual_modes
from bictl.errors import TimedOut


def test_the_modes_that_are_not_the_defaults_are_those_of_the_topics_own_connector(replay, worker):
    answer = saved("connectors_expand")
    [name, *_] = answer["body"]
    config = answer["body"][name]["info"]["config"]
    topic = f"{config['topic.prefix']}.dbo.New"
    config |= {
        "decimal.handling.mode": "STRING",
        "time.precision.mode": "adaptive",
        "binary.handling.mode": "unheard of",
    }
    replay.say(answer["request"]["path"], 200, answer["body"])
    assert unusual_modes(worker, topic=topic) == {"decimal": "string"}
    assert unusual_modes(worker, topic="nobody.dbo.New") == {}


def test_a_worker_that_does_not_answer_is_not_taken_for_one_of_defaults(replay, worker):
    replay.hang("/connectors?expand=status&expand=info")
    with pytest.raises(TimedOut):
        unusual_modes(worker, topic="cord.dbo.New")
