"""Vectors and their index: missing, too many, of another text, of another model, unfindable."""

import pytest
from catalogue import Truth, fault

from bictl.errors import BictlError

VECTORS = "analytics_features.product_embeddings"
INDEX = "product_embeddings_hnsw"
EMBED = "bictl embed --table product"
ID = 24
ONE = f"product_id = {ID}"


def update(bed, what, where=ONE):
    assert bed.execute(f"update {VECTORS} set {what} where {where}") > 0


@fault("a vector is deleted", violates="E1", repair=[EMBED])
def vector_deleted(bed):
    assert bed.execute(f"delete from {VECTORS} where {ONE}") == 1
    return Truth(state="fail", by=["E1"], keys=[str(ID)])


@fault("every vector is deleted", violates="E1", repair=[EMBED])
def vectors_deleted(bed):
    bed.execute(f"truncate {VECTORS}")
    return Truth(state="fail", by=["E1"], said=f"{len(bed.facts.live)} keys not embedded")


@fault("the table of vectors is dropped", violates="E1", repair=[EMBED])
def vectors_dropped(bed):
    bed.execute(f"drop table {VECTORS}")
    return Truth(state="fail", by=["E1"], said=f"{VECTORS} does not exist")


@fault("a vector of a deleted product is still there", violates="E1", repair=[EMBED])
def vector_orphaned(bed):
    gone = bed.facts.gone[0]
    bed.execute(
        f"insert into {VECTORS} (product_id, embedding, content_hash, model)"
        f" select {gone}, embedding, content_hash, model from {VECTORS} where {ONE}"
    )
    return Truth(state="fail", by=["E1"], keys=[str(gone)])


@fault("a vector is NULL", violates="E1 E4", repair=[EMBED])
def vector_null(bed):
    bed.execute(f"alter table {VECTORS} alter embedding drop not null")
    update(bed, "embedding = null")
    return Truth(state="fail", by=["E1"], keys=[str(ID)])


@fault("a vector is zero", violates="E4 E11", repair=[EMBED])
def vector_zero(bed):
    update(bed, "embedding = array_fill(0, array[384])::vector")
    return Truth(state="fail", by=["E4"], keys=[str(ID)])


@fault("a vector is not of length 1", violates="E4 E11", repair=[EMBED])
def vector_bent(bed):
    update(bed, "embedding = (embedding::real[])::vector * array_fill(2, array[384])::vector")
    return Truth(state="fail", by=["E4"], keys=[str(ID)])


@fault("a vector is that of the text before the last change", violates="E2", repair=[EMBED])
def vector_of_an_old_text(bed):
    update(
        bed,
        "content_hash = sha256('an older text'), embedding ="
        f" (select embedding from {VECTORS} o where o.product_id <> {ID} limit 1)",
    )
    return Truth(state="fail", by=["E2"], keys=[str(ID)])


@fault("a vector does not say of which text it is", violates="E2", repair=[EMBED])
def vector_without_a_hash(bed):
    update(bed, "content_hash = null")
    return Truth(state="fail", by=["E2"], keys=[str(ID)])


@fault("a vector is of another model, and says so", violates="E3, failures 46", repair=[EMBED])
def vector_of_another_model(bed):
    update(bed, "model = 'another/model'")
    return Truth(state="fail", by=["E3"], said="another/model")


@fault("every vector is of another model", violates="E3, failures 46", repair=[EMBED])
def vectors_of_another_model(bed):
    update(bed, "model = 'another/model'", "true")
    return Truth(state="fail", by=["E3"], said="another/model")


@fault(
    "vectors have two lengths",
    violates="E3, failures 47",
    repair=[
        f"delete from {VECTORS} where {ONE}",
        f"alter table {VECTORS} alter embedding type vector(384)",
        EMBED,
    ],
)
def vector_of_another_length(bed):
    bed.execute(f"drop index analytics_features.{INDEX}")
    bed.execute(f"alter table {VECTORS} alter embedding type vector")
    update(bed, "embedding = '[1,0,0]'")
    return Truth(state="fail", by=["E3"], said="2 lengths")


@fault(
    "the vectors of two products have changed places",
    violates="E10",
    level="deep",
    repair=[f"{EMBED} --rebuild"],
)
def vectors_swapped(bed):
    other = max(bed.facts.live)
    bed.execute(
        f"update {VECTORS} a set embedding = b.embedding from {VECTORS} b"
        f" where a.product_id + b.product_id = {ID + other} and a.product_id in ({ID}, {other})"
    )
    return Truth(state="fail", by=["E10"], keys=sorted([str(ID), str(other)]))


@fault(
    "a vector points the other way, its hash says nothing",
    violates="E10",
    level="deep",
    repair=[f"{EMBED} --rebuild"],
)
def vector_negated(bed):
    update(bed, "embedding = embedding * array_fill(-1, array[384])::vector")
    return Truth(state="fail", by=["E10"], keys=[str(ID)])


@fault(
    "a vector is of an old text, its hash is made to fit",
    violates="E10",
    level="deep",
    repair=[f"{EMBED} --rebuild"],
)
def vector_forged(bed):
    update(
        bed, f"embedding = (select embedding from {VECTORS} o where o.product_id <> {ID} limit 1)"
    )
    return Truth(state="fail", by=["E10"], keys=[str(ID)])


def drop_key(bed):
    name = bed.value(
        "select conname from pg_constraint"
        f" where conrelid = '{VECTORS}'::regclass and contype = 'p'"
    )
    bed.execute(f"alter table {VECTORS} drop constraint {name}")


def vectors_once(bed):
    """delete the copy, add the key again"""
    bed.execute(
        f"delete from {VECTORS} where ctid in (select max(ctid) from {VECTORS} where {ONE})"
    )
    bed.execute(f"alter table {VECTORS} add primary key (product_id)")


@fault(
    "the key of the vectors is dropped and a vector doubled", violates="E4", repair=[vectors_once]
)
def vector_doubled(bed):
    drop_key(bed)
    bed.execute(f"insert into {VECTORS} select * from {VECTORS} where {ONE}")
    return Truth(state="fail", by=["E4"], keys=[str(ID)])


# The index ---------------------------------------------------------------------------------------


@fault("the vector index is dropped", violates="E5", repair=[EMBED])
def index_dropped(bed):
    bed.execute(f"drop index analytics_features.{INDEX}")
    return Truth(state="fail", by=["E5"], said=f"no cosine HNSW index on {VECTORS}")


@fault("the vector index is invalid", violates="E5, failures 49", repair=[EMBED])
def index_invalid(bed):
    bed.execute(f"drop index analytics_features.{INDEX}")
    with bed.clients.new_database() as other, other.transaction():
        other.execute(f"update {VECTORS} set model = model")  # the build waits for this writer
        bed.execute("set lock_timeout = '100ms'")
        with pytest.raises(BictlError):
            bed.database.autocommit(
                f"create index concurrently {INDEX} on {VECTORS}"
                " using hnsw (embedding vector_cosine_ops)"
            )
    bed.execute("set lock_timeout = 0")
    return Truth(state="fail", by=["E5"], said=f"the index {INDEX} is invalid")


def index(bed, how):
    bed.execute(f"drop index analytics_features.{INDEX}")
    bed.execute(f"create index {INDEX} on {VECTORS} {how}")


@fault("the index is of another operator", violates="E5", repair=[EMBED])
def index_of_another_operator(bed):
    index(bed, "using hnsw (embedding vector_l2_ops)")
    return Truth(state="fail", by=["E5"], said=f"no cosine HNSW index on {VECTORS}")


@fault("the index is of another method", violates="E5", repair=[EMBED])
def index_of_another_method(bed):
    index(bed, "using ivfflat (embedding vector_cosine_ops) with (lists = 1)")
    return Truth(state="fail", by=["E5"], said=f"no cosine HNSW index on {VECTORS}")


@fault("the index holds only some of the vectors", violates="E5", repair=[EMBED])
def index_partial(bed):
    index(bed, "using hnsw (embedding vector_cosine_ops) where product_id < 1000")
    return Truth(state="fail", by=["E5"], said=f"no cosine HNSW index on {VECTORS}")
