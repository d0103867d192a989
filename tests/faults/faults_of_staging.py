"""Staging: the view gone, stale, filtered, retyped; keys and cells that are not the newest."""

from catalogue import Truth, a_person, fault

VIEW = "staging_staging.stg_product"
TRANSFORM = "bictl transform --table product"
ID = 24  # a product that is there


def columns(bed):
    """The view's columns in their order, with their types."""
    return bed.database.rows(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute"
        f" where attrelid = '{VIEW}'::regclass and attnum > 0 and not attisdropped order by attnum"
    )


def reshape(bed, cells, where=f"product_id = {ID}", rest="from honest", extra=""):
    """Another view in the view's place: these cells differ where `where` holds."""
    shown = ", ".join(
        f"(case when {where} then {cells[name]} else {name} end)::{type} as {name}"
        if name in cells
        else name
        for name, type in columns(bed)
    )
    definition = bed.value(f"select pg_get_viewdef('{VIEW}'::regclass)").rstrip("; \n")
    bed.execute("create table public.honest_view as select %s::text as definition", definition)
    bed.execute(
        f"create or replace view {VIEW} as"
        f" with honest as ({definition}) select {shown} {rest} {extra}"
    )


def as_dbt_made_it(bed):
    """bictl transform; here: the view's definition as dbt had made it"""
    definition = bed.value("select definition from public.honest_view")
    bed.execute(f"create or replace view {VIEW} as {definition}")


def replace_view(bed, select):
    """A view of anything in the view's place."""
    bed.execute(f"alter view {VIEW} rename to honest")
    bed.execute(f"create view {VIEW} as {select}")


@fault("the staging view is dropped", violates="T2", repair=[TRANSFORM])
def view_dropped(bed):
    bed.execute(f"drop view {VIEW} cascade")
    return Truth(state="fail", by=["T2"], said=f"{VIEW} does not exist")


@fault("the staging view is empty", violates="T2, failures 44", repair=[TRANSFORM])
def view_empty(bed):
    reshape(bed, {}, extra="where false")
    return Truth(state="fail", by=["T2"], said=f"{len(bed.facts.live)} keys not in staging")


@fault("the staging view shows only what is active", violates="T2", repair=[as_dbt_made_it])
def view_filtered(bed):
    hidden = [id for id in bed.facts.live if bed.facts.row(id)["IsActive"] is not True]
    reshape(bed, {}, extra="where is_active")
    return Truth(state="fail", by=["T2"], keys=sorted(map(str, hidden))[:100])


@fault(
    "a table from before the newest batches stands in the view's place",
    violates="T2 T3, issue: stale",
    repair=[TRANSFORM],
)
def view_stale(bed):
    newer = "kafka_offset >= 90"
    bed.execute("create table public.kept as select * from bronze.product_cdc")
    bed.execute(f"delete from bronze.product_cdc where {newer}")
    bed.execute(f"create table public.stale as select * from {VIEW}")
    bed.execute(f"insert into bronze.product_cdc select * from public.kept where {newer}")
    replace_view(bed, "select * from public.stale")
    before = {one.id for one in bed.facts.records.values() if one.offset < 90}
    changed = [id for id, one in bed.facts.live.items() if one.offset >= 90 and id in before]
    return Truth(
        state="fail", by=["T3"], keys=sorted(str(id) for id in changed if was_there(bed, id))
    )


def was_there(bed, id):
    """Whether a product was there before the newest batches."""
    older = [one for one in bed.facts.of(id) if one.offset < 90]
    return bool(older) and older[-1].event is not None and older[-1].event["op"] != "d"


@fault("a key is missing from staging", violates="T2", repair=[as_dbt_made_it])
def key_missing(bed):
    reshape(bed, {}, extra=f"where product_id <> {ID}")
    return Truth(state="fail", by=["T2"], keys=[str(ID)])


@fault("a deleted key is still shown", violates="T2", repair=[as_dbt_made_it])
def deleted_key_shown(bed):
    gone = bed.facts.gone[0]
    names = ", ".join(name for name, _ in columns(bed) if name != "product_id")
    reshape(bed, {}, extra=f"union all select {gone}, {names} from honest where product_id = {ID}")
    return Truth(state="fail", by=["T2"], keys=[str(gone)])


@fault("a key is shown twice", violates="T4", repair=[as_dbt_made_it])
def key_twice(bed):
    reshape(bed, {}, extra=f"union all select * from honest where product_id = {ID}")
    return Truth(state="fail", by=["T4"], said="1 more than once")


@fault("an id is NULL", violates="T4 T2", repair=[as_dbt_made_it])
def id_null(bed):
    reshape(bed, {"product_id": "null"})
    return Truth(state="fail", by=["T2"], keys=[str(ID), "-"])


def _cell(name, words, column, cell, by, key=ID, level="default"):
    def damage(bed):
        reshape(bed, {column: cell}, where=f"product_id = {key}")
        return Truth(state="fail", by=by, keys=[str(key)])

    damage.__name__ = name
    damage.__module__ = __name__
    fault(words, violates=" ".join(by), level=level, repair=[as_dbt_made_it])(damage)


_cell("operation_null", "a row does not say its operation", "cdc_operation", "null", ["T3", "T4"])
_cell("operation_other", "a row says another operation", "cdc_operation", "'d'", ["T3"])
_cell(
    "ingested_earlier",
    "a row says another time of loading",
    "ingested_at",
    "ingested_at - interval '1 s'",
    ["T3"],
)
_cell(
    "source_time_shifted",
    "a source time is off by a time zone",
    "source_timestamp",
    "source_timestamp - interval '2 hours'",
    ["T3"],
)
_cell(
    "source_time_off",
    "a source time is off by a millisecond",
    "source_timestamp",
    "source_timestamp + interval '1 ms'",
    ["T3"],
)
_cell(
    "snapshot_flag",
    "a row says that no snapshot brought it",
    "is_snapshot",
    "not is_snapshot",
    ["T9"],
    level="deep",
)
_cell("name_null", "a name is NULL", "name", "null", ["T5"])
_cell("price_null", "a price is NULL", "price", "null", ["T5"])
_cell(
    "name_letter",
    "one letter of a name is another one",
    "name",
    "overlay(name placing 'X' from 3)",
    ["T6"],
)
_cell("name_trimmed", "a name is cut off", "name", "left(name, 12)", ["T6"])
_cell("flag_flipped", "a flag is flipped", "is_active", "not is_active", ["T6"])
_cell("number_off", "a whole number is off by one", "category_id", "category_id + 1", ["T6"])
_cell(
    "price_off", "a price is off by its last digit", "price", "price + 0.0001", ["T9"], level="deep"
)
_cell(
    "price_rounded",
    "a price went through a float",
    "price",
    "(price::float8 + 0.0001)::numeric",
    ["T9"],
    level="deep",
)
_cell(
    "weight_scaled",
    "a weight has another unit",
    "weight",
    "weight / 1000",
    ["T9"],
    key=60,
    level="deep",
)
_cell(
    "created_shifted",
    "a creation is off by a time zone",
    "created_at",
    "created_at + interval '3 hours'",
    ["T9"],
    level="deep",
)
_cell(
    "created_truncated",
    "a creation lost its microseconds",
    "created_at",
    "date_trunc('milliseconds', created_at) + interval '1 ms'",
    ["T9"],
    level="deep",
)
_cell(
    "updated_a_day_off",
    "an update is off by a day",
    "updated_at",
    "updated_at + interval '1 day'",
    ["T9"],
    level="deep",
)


@fault("text stands where the source has NULL", violates="T6", repair=[as_dbt_made_it])
def null_became_text(bed):
    found = next(id for id in sorted(bed.facts.live) if bed.facts.row(id)["Description"] is None)
    reshape(bed, {"description": "''"}, where=f"product_id = {found}")
    return Truth(state="fail", by=["T6"], keys=[str(found)])


@fault(
    "a number stands where the source has NULL",
    violates="T9",
    level="deep",
    repair=[as_dbt_made_it],
)
def null_became_zero(bed):
    found = next(id for id in sorted(bed.facts.live) if bed.facts.row(id)["Weight"] is None)
    reshape(bed, {"weight": "0"}, where=f"product_id = {found}")
    return Truth(state="fail", by=["T6", "T9"], keys=[str(found)])


@fault("two products have each other's names", violates="T6", repair=[as_dbt_made_it])
def names_swapped(bed):
    other = next(id for id in sorted(bed.facts.live) if id != ID)
    reshape(
        bed,
        {
            "name": "(select name from honest other where other.product_id"
            f" = {ID} + {other} - honest.product_id)"
        },
        where=f"product_id in ({ID}, {other})",
    )
    return Truth(state="fail", by=["T6"], keys=sorted([str(ID), str(other)]))


@fault("every price is shown as text", violates="T7", repair=[f"{TRANSFORM} --force"])
def price_as_text(bed):
    shown = ", ".join(
        "price::text as price" if name == "price" else name for name, _ in columns(bed)
    )
    replace_view(bed, f"select {shown} from staging_staging.honest")
    return Truth(state="fail", by=["T7"], keys=["price"])


@fault("a column is missing from the view", violates="T7", repair=[f"{TRANSFORM} --force"])
def column_missing(bed):
    shown = ", ".join(name for name, _ in columns(bed) if name != "weight")
    replace_view(bed, f"select {shown} from staging_staging.honest")
    return Truth(state="fail", by=["T7"], keys=["weight"])


@fault(
    "a decoder was edited: every price is a step higher",
    violates="T9",
    level="deep",
    repair=[a_person("put the decoder back", lambda bed: edit_decoder(bed, " + 0.0001", ""))],
)
def decoder_edited(bed):
    edit_decoder(bed, "", " + 0.0001")
    return Truth(state="fail", by=["T9"], said="Price")


def edit_decoder(bed, before, after):
    """put the decoder back"""
    source = bed.value("select pg_get_functiondef('bronze.decode_decimal'::regproc)")
    call = "bronze.decode_hex_number(hex, unit)"
    assert f"{call}{before}" in source
    bed.execute(source.replace(f"{call}{before}", f"{call}{after}").replace("%", "%%"))
