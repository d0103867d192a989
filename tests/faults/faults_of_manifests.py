"""The manifest of one object: each of its fields edited by itself."""

from catalogue import Truth, fault
from faults_of_objects import FILL, MIDDLE, delete_damaged

EDITS = {
    "topic": "cord.Other.dbo.Product",
    "generation": "another-generation",
    "generation-no": "7",
    "partition": "1",
    "first": "46",
    "next": "89",
    "records": "44",
    "tombstones": "44",
    "sha256": "0" * 64,
    "min-timestamp": "1",
    "max-timestamp": "4102444800000",
    "format": "jsonl.gz/2",
}
SUMMARY = {"tombstones", "min-timestamp", "max-timestamp"}  # only the lines tell; M2 warns before


def edited(bed, field, value):
    key = bed.key(*MIDDLE[:2])
    body, metadata = bed.get(key)
    assert metadata[f"bictl-{field}"] != value
    bed.write(key, body, metadata | {f"bictl-{field}": value})
    return Truth(state="loss", by=["O4", "O6", "B14"], keys=[key])


def _register(field, value):
    def damage(bed):
        return edited(bed, field, value)

    damage.__name__ = f"manifest_{field}_edited"
    damage.__module__ = __name__
    words = f"a manifest says another {field.replace('-', ' ')}"
    level = "deep" if field in SUMMARY else "default"
    fault(words, violates="O4 O6, failures 32", level=level, repair=[delete_damaged, FILL])(damage)


for _field, _value in EDITS.items():
    _register(_field, _value)


@fault("an object has lost its manifest", violates="O6", repair=[delete_damaged, FILL])
def manifest_gone(bed):
    key = bed.key(*MIDDLE[:2])
    bed.write(key, bed.get(key)[0], {})
    return Truth(state="loss", by=["O6"], keys=[key])
