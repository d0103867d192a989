"""What K3, K7, K8 and K9 make of what a broker tells; nothing here reads a system."""

import pytest
from evidence import LAG, NOW, OLD, TABLE, YOUNG, cut, part

from bictl.clients.topic_facts import Log, OpenTransaction, Replication
from bictl.ingest.keeping import Keeping, left
from bictl.records import Range
from bictl.verify import topic
from bictl.verify.report import State

MS = int(NOW.timestamp() * 1000)
HOUR = 3600
ALONE = Replication(brokers=1, replicas={0: 1}, in_sync={0: 1})


def keeping(**told):
    settings = {"cleanup.policy": "delete", "retention.ms": "604800000", **told}
    return Keeping.of({key.replace("_", "."): str(value) for key, value in settings.items()})


def nobody():
    raise AssertionError("it was not to be asked")


def transaction(age, first=10, begun=None):
    return OpenTransaction(
        partition=0,
        first=first,
        producer=7,
        epoch=0,
        last=MS - age * 1000,
        began=None if begun is None else MS - begun * 1000,
    )


@pytest.mark.parametrize(
    ("kept", "used", "every", "state"),
    [
        (100, 0, 0, "ok"),
        (100, 74.9, 0, "ok"),
        (100, 75, 0, "warn"),
        (100, 94.9, 0, "warn"),
        (100, 95, 0, "fail"),
        (100, 200, 0, "fail"),
        (100, 54, 15, "ok"),
        (100, 55, 15, "warn"),  # three runs do not fit in any more
        (100, 85, 15, "fail"),  # not even one
        (100, 0, 1000, "ok"),  # who runs less often than records are kept is told by K9 and K5
        (100, 50, 1000, "warn"),
        (0, 0, 0, "fail"),
    ],
)
def test_what_is_left_of_a_limit(kept, used, every, state):
    assert left(kept, used, every=every) == state


@pytest.mark.parametrize(
    ("commits", "state"), [({}, "ok"), ({0: 114}, "ok"), ({0: 115}, "ok"), ({0: 116}, "fail")]
)
def test_a_commit_is_never_above_the_frontier(commits, state):
    found = topic.committed(cut(part(end=200, frontier=115)), commits, group="g", table=TABLE)
    assert found.state == state
    if state == "fail":
        assert found.extra.ranges == (Range(0, 115, 116),)
        assert found.hint.startswith("bictl ingest --table product")


def test_a_commit_for_a_partition_that_was_never_sealed_is_above_its_frontier():
    found = topic.committed(cut(part(end=9, frontier=None)), {0: 3}, group="g", table=TABLE)
    assert found.extra.ranges == (Range(0, 0, 3),)


def test_the_commits_of_a_recreated_topic_are_not_this_ones():
    here = cut(part(end=9, frontier=None), accepted=False)
    assert topic.committed(here, {0: 500}, group="g", table=TABLE).state is State.OK


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (None, "ok"),
        (0, "ok"),
        (5.2, "ok"),
        (5.3, "warn"),
        (6.6, "warn"),
        (6.7, "fail"),
        (8, "fail"),
    ],
)
def test_old_unread_records_are_warned_about_before_kafka_discards_them(age, state):
    oldest = None if age is None else MS - int(age * 24 * HOUR * 1000)  # of seven days
    here = cut(part(end=200, frontier=115, oldest=oldest))
    found = topic.headroom(here, keeping(), nobody, every=0, table=TABLE)
    assert found.state == state
    if state != "ok":
        assert found.extra.ranges == (Range(0, 115, 200),)
        assert found.hint == (
            "bictl ingest --table product, and more often; or raise the topic's retention.ms"
        )


@pytest.mark.parametrize(("frontier", "state"), [(60, "ok"), (20, "warn"), (2, "fail")])
def test_a_log_that_is_kept_by_its_size_is_judged_by_its_unread_bytes(frontier, state):
    here = cut(part(end=100, frontier=frontier, oldest=YOUNG))
    found = topic.headroom(
        here,
        keeping(retention_bytes=1000),
        lambda: {0: Log(size=1000, free=None, where="")},
        every=0,
        table=TABLE,
    )
    assert found.state == state


@pytest.mark.parametrize("told", [{"retention_ms": -1}, {"cleanup_policy": "compact"}])
def test_a_topic_that_discards_nothing_has_no_end_of_room(told):
    here = cut(part(end=200, frontier=115, oldest=OLD))
    assert topic.headroom(here, keeping(**told), nobody, every=60, table=TABLE).state is State.OK


def test_a_broker_that_tells_no_settings_leaves_nothing_to_judge():
    assert Keeping.of({}) is None
    here = cut(part(end=200, frontier=115, oldest=OLD))
    assert topic.headroom(here, None, nobody, every=0, table=TABLE).state is State.OK
    assert topic.settings(None, nobody, unread=1, table=TABLE).state is State.OK


@pytest.mark.parametrize(
    ("age", "state"), [(10, "ok"), (LAG, "ok"), (LAG + 1, "warn"), (900, "warn"), (901, "fail")]
)
def test_a_transaction_warns_when_it_holds_back_and_fails_when_it_hangs(age, state):
    here = cut(part(end=10, frontier=10))
    held = cut(*[type(one)(**{**vars(one), "high": 15}) for one in here.parts])
    found = topic.open_transactions(
        held, lambda: (transaction(age),), limit=lambda: None, max_lag=LAG, table=TABLE
    )
    assert found.state == state
    if state != "ok":
        assert found.missing.ranges == (Range(0, 10, 15),)
        assert found.hint.endswith("abort --topic t --partition 0 --start-offset 10")


@pytest.mark.parametrize(
    ("last", "begun", "state"), [(3600, 0, "ok"), (0, LAG + 1, "warn"), (0, 901, "fail")]
)
def test_the_coordinators_clock_tells_a_transactions_age_whatever_its_records_say(
    last, begun, state
):
    held = cut(part(end=10, frontier=10))
    held = cut(*[type(one)(**{**vars(one), "high": 15}) for one in held.parts])
    found = topic.open_transactions(
        held, lambda: (transaction(last, begun=begun),), limit=lambda: None, max_lag=LAG,
        table=TABLE,
    )  # fmt: skip
    assert found.state == state
    assert "begun" in found.message


def test_the_clusters_own_limit_decides_what_hangs():
    held = cut(part(end=10, frontier=10))
    held = cut(*[type(one)(**{**vars(one), "high": 15}) for one in held.parts])
    found = topic.open_transactions(
        held, lambda: (transaction(2000),), limit=lambda: 3_600_000, max_lag=LAG, table=TABLE
    )
    assert found.state is State.WARN


def test_nothing_held_back_asks_nobody():
    here = cut(part(end=10, frontier=10))
    found = topic.open_transactions(here, nobody, limit=nobody, max_lag=LAG, table=TABLE)
    assert found.state is State.OK


@pytest.mark.parametrize(
    ("told", "replication", "wanted"),
    [
        ({}, ALONE, ""),
        ({"unclean_leader_election_enable": "true"}, ALONE, ""),  # one broker has no other leader
        ({"cleanup_policy": "compact"}, ALONE, "min.compaction.lag.ms=300000"),
        ({"cleanup_policy": "compact", "min_compaction_lag_ms": 300_000}, ALONE, ""),
        ({"retention_ms": 86_400_000}, ALONE, ""),
        ({"retention_ms": 86_399_999}, ALONE, "retention.ms=86400000"),
        ({"max_message_bytes": 16_777_216}, ALONE, ""),
        ({"max_message_bytes": 16_777_217}, ALONE, "max.message.bytes=16777216"),
        (
            {"unclean_leader_election_enable": "true"},
            Replication(brokers=3, replicas={0: 2}, in_sync={0: 2}),
            "unclean.leader.election.enable=false",
        ),
        (
            {"min_insync_replicas": 1},
            Replication(brokers=3, replicas={0: 3}, in_sync={0: 3}),
            "min.insync.replicas=2",
        ),
        ({}, Replication(brokers=3, replicas={0: 1}, in_sync={0: 1}), ""),
    ],
)
def test_settings_that_lose_records_are_warned_about(told, replication, wanted):
    found = topic.settings(keeping(**told), lambda: replication, unread=LAG, table=TABLE)
    assert found.state == ("warn" if wanted else "ok")
    assert found.hint.endswith(wanted)
