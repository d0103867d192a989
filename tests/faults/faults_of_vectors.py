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


@fault("the vectors of two products have changed places", violates="E11 E10", repair=[EMBED])
def vectors_swapped(bed):
    other = max(bed.facts.live)
    bed.execute(
        f"update {VECTORS} a set embedding = b.embedding from {VECTORS} b"
        f" where a.product_id + b.product_id = {ID + other} and a.product_id in ({ID}, {other})"
    )
    return Truth(state="fail", by=["E11"], keys=sorted([str(ID), str(other)]))


@fault("a vector points the other way", violates="E11 E10", repair=[EMBED])
def vector_negated(bed):
    update(bed, "embedding = embedding * array_fill(-1, array[384])::vector")
    return Truth(state="fail", by=["E11"], keys=[str(ID)])


@fault("a vector is of an old text beside the hash of the new one", violates="E11", repair=[EMBED])
def vector_forged(bed):
    update(
        bed, f"embedding = (select embedding from {VECTORS} o where o.product_id <> {ID} limit 1)"
    )
    return Truth(state="fail", by=["E11"], keys=[str(ID)])


@fault(
    "every vector is its neighbour's, and each hash is made to fit",
    violates="E10",
    level="deep",
    repair=[f"{EMBED} --rebuild"],
)
def vectors_forged(bed):
    bed.execute(
        f"""update {VECTORS} a
        set embedding = b.other, vector_hash = sha256(a.content_hash || vector_send(b.other))
        from (
            select product_id, coalesce(lead(embedding) over (order by product_id), first) as other
            from {VECTORS} cross join
                (select embedding as first from {VECTORS} order by product_id limit 1) as f
        ) as b
        where a.product_id = b.product_id"""
    )
    asked = min(128, len(bed.facts.live))
    return Truth(state="fail", by=["E10"], said=f"of {asked} vectors are not those of their texts")


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


# An index that is there and valid, and what the server does to it ---------------------------------

REINDEX = f"{EMBED} --reindex"


def unindexed(bed, where):
    """A row's newest version is in no index, as a fault of the server leaves it."""
    index = f"indexrelid = 'analytics_features.{INDEX}'::regclass"
    bed.superuser(f"update pg_index set indisready = false where {index}")
    bed.superuser(f"update {VECTORS} set embedded_at = now() where {where}")
    bed.database.autocommit(f"vacuum {VECTORS}")
    bed.superuser(f"update pg_index set indisready = true where {index}")


@fault("a vector is not in the index, which says that it is valid", violates="E9", repair=[REINDEX])
def vector_not_indexed(bed):
    unindexed(bed, ONE)
    return Truth(state="fail", by=["E9"], keys=[str(ID)])


@fault(
    "every second vector is not in the index, which says that it is valid",
    violates="E7 E9",
    level="deep",
    repair=[REINDEX],
)
def vectors_not_indexed(bed):
    unindexed(bed, "product_id % 24 = 0")
    return Truth(state="fail", by=["E7"], said="recall@10 0.")


def allow_the_index(bed):
    """let the planner use it again"""
    bed.execute(f"alter database {bed.settings.postgres.dbname} reset enable_indexscan")


@fault("the planner may not use the index", violates="E6", repair=[allow_the_index])
def index_forbidden(bed):
    bed.execute(f"alter database {bed.settings.postgres.dbname} set enable_indexscan = off")
    return Truth(state="warn", by=["E6"], said=f"search cannot walk the index of {VECTORS}")


def set_version(bed, version):
    bed.superuser(f"update pg_extension set extversion = '{version}' where extname = 'vector'")


def upgrade(bed):
    """upgrade pgvector"""
    set_version(bed, bed.version)


@fault("pgvector is of a version with known flaws", violates="E8", repair=[upgrade])
def pgvector_old(bed):
    bed.version = bed.value("select extversion from pg_extension where extname = 'vector'")
    set_version(bed, "0.8.1")
    return Truth(state="warn", by=["E8"], said="pgvector 0.8.1: ")
