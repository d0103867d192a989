"""The sealed objects: gone, cut, flipped, swapped, copied, forged."""

import gzip
import hashlib

from catalogue import Truth, a_person, fault

FILL = "bictl ingest --table product --fill"
LOAD = "bictl load-bronze --table product"
MIDDLE = (0, 45, 90)
NEWEST = (1, 90, 130)


def delete_damaged(bed):
    """delete the damaged object"""
    bed.remove(bed.key(*MIDDLE[:2]))


@fault("an object in the middle is deleted", violates="O2 O3, failures 32", repair=[FILL])
def object_deleted(bed):
    bed.remove(bed.key(*MIDDLE[:2]))
    return Truth(state="loss", by=["O2"], ranges=[MIDDLE])


@fault("a partition's newest object is deleted", violates="O2 O3", repair=[FILL])
def newest_object_deleted(bed):
    bed.remove(bed.key(*NEWEST[:2]))
    return Truth(state="loss", by=["O2", "K5"], ranges=[NEWEST])


@fault("a partition's first object is deleted", violates="O2 O3", repair=[FILL])
def first_object_deleted(bed):
    bed.remove(bed.key(1, 0))
    return Truth(state="loss", by=["K11", "O2"], ranges=[(1, 0, 45)])


@fault("every object of one partition is deleted", violates="O2 O3", repair=[FILL])
def partition_deleted(bed):
    keys = [key for key in bed.listed() if "/partition=00001/" in key]
    bed.remove(*keys)
    return Truth(state="loss", by=["O3"], keys=keys)


@fault("every object is deleted", violates="O2 O3", repair=[FILL])
def all_objects_deleted(bed):
    keys = bed.listed()
    bed.remove(*keys)
    return Truth(state="loss", by=["O3"], keys=keys)


def changed(bed, change):
    """The middle object with other bytes under the same manifest."""
    key = bed.key(*MIDDLE[:2])
    body, metadata = bed.get(key)
    bed.write(key, change(body), metadata)
    return Truth(state="loss", by=["O6"], ranges=[MIDDLE], keys=[key])


@fault("an object is cut off", violates="O6, failures 26", repair=[delete_damaged, FILL])
def object_truncated(bed):
    return changed(bed, lambda body: body[:-20])


@fault("an object is empty", violates="O6, failures 26", repair=[delete_damaged, FILL])
def object_emptied(bed):
    return changed(bed, lambda body: b"")


@fault(
    "one bit within the gzip stream is flipped",
    violates="O6, failures 32",
    repair=[delete_damaged, FILL],
)
def bit_flipped(bed):
    return changed(bed, lambda body: body[:200] + bytes([body[200] ^ 1]) + body[201:])


@fault("a byte follows the gzip stream", violates="O6", repair=[delete_damaged, FILL])
def byte_appended(bed):
    return changed(bed, lambda body: body + b"x")


@fault(
    "an object is packed anew, with the same lines", violates="O6", repair=[delete_damaged, FILL]
)
def object_packed_anew(bed):
    return changed(bed, lambda body: gzip.compress(gzip.decompress(body), 9, mtime=1))


@fault(
    "two objects have changed places, each with its manifest",
    violates="O6",
    repair=[a_person("put both back", lambda bed: swap(bed, whole=True))],
)
def objects_swapped(bed):
    return Truth(state="loss", by=["O6"], keys=swap(bed))


def swap(bed, *, whole=True):
    """put both back"""
    keys = [bed.key(0, 0), bed.key(0, 45)]
    (one, its), (two, other) = map(bed.get, keys)
    bed.write(keys[0], two, other if whole else its)
    bed.write(keys[1], one, its if whole else other)
    return keys


@fault(
    "the bytes of two objects have changed places, their manifests not",
    violates="O6",
    repair=[a_person("put both back", lambda bed: swap(bed, whole=False))],
)
def bodies_swapped(bed):
    keys = swap(bed, whole=False)
    return Truth(state="loss", by=["O6"], keys=keys, ranges=[(0, 0, 90)])


COPY = "/batch=00000000000000000060.jsonl.gz"


def remove_copy(bed):
    """delete the copy"""
    bed.remove(*[key for key in bed.listed() if key.endswith(COPY)])


@fault("an object stands under a second key too", violates="O6", repair=[remove_copy])
def object_copied(bed):
    key = bed.key(*MIDDLE[:2])
    copy = key.rpartition("/")[0] + COPY
    bed.write(copy, *bed.get(key))
    return Truth(state="loss", by=["O6"], keys=[copy])


def overlap(bed, change):
    """The second half of an object once more, with a manifest that fits it."""
    key = bed.key(*MIDDLE[:2])
    body, metadata = bed.get(key)
    lines = gzip.decompress(body).splitlines(keepends=True)[15:]
    lines[5] = change(lines[5])
    copy = key.rpartition("/")[0] + COPY
    bed.write(copy, *packed(b"".join(lines), metadata, first=60))


def packed(lines: bytes, metadata: dict, **fields: object) -> tuple[bytes, dict]:
    """Lines as an object whose manifest fits them."""
    body = gzip.compress(lines, 1, mtime=0)
    count = lines.count(b"\n")
    now = {
        "records": count,
        "tombstones": lines.count(b'"value":null'),
        "sha256": hashlib.sha256(body).hexdigest(),
        **fields,
    }
    return body, metadata | {f"bictl-{name}": str(value) for name, value in now.items()}


@fault("records stand in two objects, the same in both", violates="O5", repair=[remove_copy])
def records_twice(bed):
    overlap(bed, lambda line: line)
    return Truth(state="warn", by=["O5"], ranges=[(0, 60, 90)])


@fault(
    "an offset has another record in a second object",
    violates="O5, failures 9",
    repair=[remove_copy],
)
def offset_in_conflict(bed):
    overlap(bed, lambda line: line.replace(b"2.4.0.Final", b"2.4.1.Final"))
    return Truth(state="loss", by=["O5"], ranges=[(0, 65, 66)])


def forge(bed, change, **fields):
    """The middle object, changed, with a manifest that fits it."""
    key = bed.key(*MIDDLE[:2])
    body, metadata = bed.get(key)
    lines = change(gzip.decompress(body).splitlines(keepends=True))
    bed.write(key, *packed(b"".join(lines), metadata, **fields))
    return key


def other_value(lines):
    """The fourth record says something else."""
    return [*lines[:3], lines[3].replace(b"2.4.0.Final", b"2.4.1.Final"), *lines[4:]]


@fault(
    "a record within an object was edited, its manifest made to fit",
    violates="O4, failures 32",
    repair=[delete_damaged, FILL],
)
def object_forged(bed):
    return Truth(state="loss", by=["O4"], keys=[forge(bed, other_value)])


def agree(bed, key):
    """Ledger and bronze say what the forged object says."""
    bed.execute("delete from bictl.object_ledger where object_key = %s", key)
    bed.execute("delete from bronze.product_cdc where batch_file = %s", key)
    bed.load()


def load_honestly(bed):
    """forget what the forged object brought"""
    bed.execute("delete from bictl.object_ledger where object_key = %s", bed.key(*MIDDLE[:2]))
    bed.execute("delete from bronze.product_cdc where batch_file = %s", bed.key(*MIDDLE[:2]))


@fault(
    "the same, and ledger and bronze were made to fit too",
    violates="K10, failures 32",
    level="deep",
    repair=[delete_damaged, FILL, load_honestly, LOAD],
)
def object_and_all_below_forged(bed):
    agree(bed, forge(bed, other_value))
    return Truth(state="loss", by=["K10"], ranges=[(0, 48, 49)])


@fault(
    "a record is left out of an object, as if the offset were a legal gap; all below agrees",
    violates="K10 (1.5 our own bug: skip)",
    level="deep",
    repair=[delete_damaged, FILL, load_honestly, LOAD, "bictl embed --table product"],
)
def record_left_out(bed):
    agree(bed, forge(bed, lambda lines: [*lines[:3], *lines[4:]]))
    bed.embed()
    return Truth(state="loss", by=["K10"], ranges=[(0, 48, 49)])


@fault(
    "two lines of an object have changed places, its manifest and ledger fit",
    violates="O6",
    level="deep",
    repair=[delete_damaged, FILL, "bictl load-bronze --table product --replay"],
)
def lines_swapped(bed):
    key = forge(bed, lambda lines: [lines[1], lines[0], *lines[2:]])
    sha = bed.get(key)[1]["bictl-sha256"]
    bed.execute("update bictl.object_ledger set sha256 = %s where object_key = %s", sha, key)
    return Truth(state="loss", by=["O6"], ranges=[MIDDLE], keys=[key], said="do not rise")


@fault(
    "a partition's newest object is an older, shorter version of itself",
    violates="O4 K5",
    repair=[
        a_person("delete the older version", lambda bed: bed.remove(bed.key(*NEWEST[:2]))),
        FILL,
        "bictl load-bronze --table product --replay",  # where a repair had loaded what it could
    ],
)
def older_version(bed):
    key = bed.key(*NEWEST[:2])
    body, metadata = bed.get(key)
    lines = gzip.decompress(body).splitlines(keepends=True)[:20]
    bed.write(key, *packed(b"".join(lines), metadata, next=110))
    return Truth(state="loss", by=["O2", "K5"], ranges=[(1, 110, 130)])


@fault(
    "a file that is not bictl's lies under the prefix",
    violates="O1, failures 31",
    repair=[a_person("move it away", lambda bed: bed.remove("product/raw/notes.txt"))],
)
def foreign_object(bed):
    bed.write("product/raw/notes.txt", b"hello", {})
    return Truth(state="warn", by=["O1"], keys=["product/raw/notes.txt"])


OLD = "product/raw/batch=20240514T101010Z.jsonl"


@fault(
    "an object of the older scripts lies there and is not taken over",
    violates="O8",
    repair=[a_person("move it away", lambda bed: bed.remove(OLD))],
)
def old_object(bed):
    bed.write(OLD, b'{"topic":"x"}\n', {})
    return Truth(state="warn", by=["O8"], said="1 old object is not taken over yet")


@fault(
    "an object of a generation that the topic never had",
    violates="K1 O2",
    repair=[
        a_person(
            "delete it",
            lambda bed: bed.remove(*[key for key in bed.listed() if "generation=zzz" in key]),
        )
    ],
)
def invented_generation(bed):
    body, metadata = bed.get(bed.key(0, 0))
    key = "product/raw/generation=zzz/partition=00000/batch=00000000000000000000.jsonl.gz"
    bed.write(key, body, metadata | {"bictl-generation": "zzz"})
    return Truth(state="fail", by=["B1", "B3"], ranges=[(0, 0, 45)])
