"""A trace begins with one sentence: between which layers the record was lost, why, what to run."""

import pytest

from bictl.cli.flow import lines
from bictl.trace.report import Layer, State, Trace

LOAD = "bictl load-bronze --table product"
WHOLE = {
    name: Layer(name=name, state=State.FOUND)
    for name in ("source", "Kafka", "objects", "ledger", "bronze", "key", "staging", "vectors")
}


def trace(*changed: Layer) -> Trace:
    layers = WHOLE | {layer.name: layer for layer in changed}
    return Trace(
        table="product",
        topic="t",
        asked="0:50",
        place=None,
        generation_no=None,
        key=None,
        layers=tuple(layers.values()),
    )


def layer(name: str, state: str, *said: str, repair: str = "", **facts: str) -> Layer:
    return Layer(name=name, state=State(state), said=said, repair=repair, facts=facts)


WAITS = [layer(name, "not yet") for name in ("bronze", "staging", "vectors")]


@pytest.mark.parametrize(
    ("changed", "reason", "between", "sentence"),
    [
        ([], "found", None, "it is where it should be"),
        (
            [layer("objects", "missing", "read up to the frontier 0:40", repair="bictl ingest")],
            "missing",
            ("Kafka", "objects"),
            "lost between Kafka and objects: read up to the frontier 0:40, bronze has it; run bictl"
            " ingest",
        ),
        (
            [
                layer("Kafka", "discarded", "by retention"),
                layer(
                    "objects",
                    "lost",
                    "Kafka discarded it before it was read",
                    repair="bictl ack --table product --range '0:[40,60)' --reason …",
                ),
                *WAITS,
            ],
            "lost",
            ("Kafka", "objects"),
            "lost between Kafka and objects for good: Kafka discarded it before it was read; run"
            " bictl ack --table product --range '0:[40,60)' --reason …",
        ),
        (
            [
                layer("objects", "found", "product/raw/k", object="product/raw/k"),
                layer("ledger", "missing", repair=LOAD),
                *WAITS,
            ],
            "missing",
            ("objects", "bronze"),
            f"lost between objects and bronze: object product/raw/k is not loaded; run {LOAD}",
        ),
        (
            [
                layer(
                    "bronze",
                    "missing",
                    "the ledger accounts for it, and no row is there",
                    repair=f"{LOAD} --replay",
                )
            ],
            "missing",
            ("objects", "bronze"),
            "lost between objects and bronze: the ledger accounts for it, and no row is there; run"
            f" {LOAD} --replay",
        ),
        (
            [
                layer(
                    "bronze",
                    "quarantined",
                    "22P05: unsupported Unicode",
                    repair="bictl quarantine show 0:50",
                )
            ],
            "quarantined",
            ("objects", "bronze"),
            "held back between objects and bronze: in quarantine: 22P05: unsupported Unicode; run"
            " bictl quarantine show 0:50",
        ),
        (
            [layer("staging", "missing", "no row shows it", repair="bictl transform")],
            "missing",
            ("bronze", "staging"),
            "lost between bronze and staging: no row shows it; run bictl transform",
        ),
        (
            [layer("vectors", "missing", repair="bictl embed")],
            "missing",
            ("staging", "vectors"),
            "lost between staging and vectors; run bictl embed",
        ),
        (
            [layer("vectors", "stale", "it is that of another text", repair="bictl embed")],
            "stale",
            ("staging", "vectors"),
            "held back between staging and vectors: vectors still has what was before: it is that"
            " of another text; run bictl embed",
        ),
        (
            [layer("objects", "damaged", "the sha256 differs", repair="restore the object")],
            "damaged",
            ("Kafka", "objects"),
            "lost in objects: damaged: the sha256 differs, bronze has it; restore the object",
        ),
        (
            [layer("bronze", "conflict", "b claims the offset", repair="bictl verify --deep")],
            "conflict",
            ("objects", "bronze"),
            "in doubt in bronze: two records claim its place: b claims the offset; run bictl"
            " verify --deep",
        ),
        (
            [layer("objects", "acknowledged", "0:[40,60) acknowledged as lost by ann"), *WAITS],
            "acknowledged",
            None,
            "lost between Kafka and objects, and accepted: 0:[40,60) acknowledged as lost by ann",
        ),
        (
            [layer("bronze", "acknowledged", "in quarantine, which ann acknowledged")],
            "acknowledged",
            None,
            "held back before bronze, and accepted: in quarantine, which ann acknowledged",
        ),
        (
            [
                layer("Kafka", "no record", "aborted, compacted or a control record"),
                *(layer(name, "no record") for name in ("ledger", "bronze")),
            ],
            "no record",
            None,
            "there never was a record to carry: aborted, compacted or a control record",
        ),
        (
            [
                layer("bronze", "pruned", "at 2026-01-01 by run r: older than 90d"),
                layer("key", "superseded", "by 0:99"),
            ],
            "pruned",
            None,
            "pruned from bronze, after a newer record of its key came: at 2026-01-01 by run r:"
            " older than 90d",
        ),
        (
            [layer("key", "superseded", "by 0:99, the newest record of ID=2")],
            "overwritten",
            None,
            "overwritten by 0:99, the newest record of ID=2",
        ),
        (
            [layer(name, "closed", "a later snapshot did not find it") for name in ("staging",)],
            "closed",
            None,
            "closed by a snapshot: a later snapshot did not find it",
        ),
        (
            [layer(name, "deleted", "by 0:9 (d)") for name in ("staging", "vectors")],
            "deleted",
            None,
            "deleted at the source by 0:9 (d)",
        ),
        (
            [layer("vectors", "no text", "nothing to embed")],
            "no text",
            None,
            "it is where it should be; it has no vector because there is no text to embed",
        ),
        (
            [layer("objects", "expired", "the batches begin at 0:60")],
            "expired",
            None,
            "it is where it should be; its object has expired, and bronze keeps the record",
        ),
        (
            [layer("ledger", "not yet"), *WAITS],
            "waiting",
            None,
            "on its way: not yet in ledger, bronze, staging, vectors",
        ),
        (
            [layer("Kafka", "unreachable", "no answer", repair="bictl doctor")],
            "unreachable",
            None,
            "not known in Kafka: no answer; run bictl doctor",
        ),
    ],
)
def test_each_reason_has_its_sentence(changed, reason, between, sentence):
    told = trace(*changed).told
    assert (told.reason, told.between, told.sentence) == (reason, between, sentence)


def test_a_loss_is_told_before_what_can_be_repaired_and_that_before_what_is_not_known():
    found = trace(
        layer("Kafka", "unreachable"), layer("bronze", "missing"), layer("vectors", "lost")
    )
    assert found.verdict == "lost between staging and vectors for good"
    found = trace(layer("Kafka", "unreachable"), layer("bronze", "missing"))
    assert found.verdict == "lost between objects and bronze"


def test_where_nothing_answers_that_is_the_sentence():
    found = trace(*(layer(name, "unreachable") for name in WHOLE))
    assert (found.exit_code, found.verdict, found.told.between) == (4, "no layer answers", None)


def test_the_command_stands_whole_on_a_line_of_its_own():
    command = "bictl ack --table product --range '0:[40,60)' --reason … --generation abcdefghijkl"
    found = trace(layer("objects", "lost", "Kafka discarded it", repair=command))
    shown = [
        "".join(text for text, _ in line)
        for line in lines(found, width=60, by_key=False, payload=False)
    ]
    assert f"→ {command}" in shown[:4]
    assert "fail: lost between Kafka and objects for good: Kafka" in shown
