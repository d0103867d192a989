"""A deep look in slices: each record's content is looked at in exactly one of them."""

from bictl.records import Range
from bictl.verify.report import State
from bictl.verify.slices import Slice

PARTS = 3


def test_damage_is_named_by_its_own_slice_and_every_slice_says_what_it_saw(pipeline):
    pipeline.execute(
        "update bronze.product_cdc set cdc_payload = null"
        " where kafka_partition = 0 and kafka_offset in (7, 30)"
    )
    named, batches, compared = [], 0, 0
    for part in range(1, PARTS + 1):
        report = pipeline.verify(level="deep", slice=Slice(part, PARTS), select=["B10", "K10"])
        found = {check.id: check for check in report.checks}
        named += found["B10"].extra.ranges
        assert found["K10"].state is State.OK, found["K10"].message
        assert report.headline.count(f"slice {part}/{PARTS}") == 1
        assert report.slice.words in found["K10"].message
        batches += report.slice.batches
        compared += report.slice.records
    assert sorted(named) == [Range(0, 7, 8), Range(0, 30, 31)]
    assert batches == len(pipeline.batches())
    assert compared == pipeline.value("select count(*) from bronze.product_cdc")


def test_a_slice_is_complete_by_sets_and_never_about_the_other_contents(pipeline):
    report = pipeline.verify(level="deep", slice=Slice(2, PARTS))
    assert report.complete
    slice_ = report.slice
    left = f"{slice_.of_batches - slice_.batches} of {slice_.of_batches} batches"
    assert f"the contents of {left} (those outside of slice 2/{PARTS}) not verified" in (
        report.headline
    )
    assert report.slice.batches < report.slice.of_batches
