"""A real lifecycle rule, carried out by the store itself."""

import json
import subprocess
from datetime import UTC, datetime

import pytest
from test_expired import PREFIX, expiring, take
from test_healthy import problems

from bictl.local.ports import HOST
from bictl.local.seaweed import _weed

__all__ = ["expiring"]


@pytest.fixture
def carry_out(stack):
    """Has the store carry out its lifecycle rules now, and not on its own next round."""
    ports = json.loads((stack.directory / "stack.json").read_text(encoding="utf-8"))["ports"]
    place = {name: f"{HOST}:{ports[name]}.{ports[f'{name}.grpc']}" for name in ("master", "filer")}

    def run() -> None:
        done = subprocess.run(
            [_weed(), "shell", f"-master={place['master']}", f"-filer={place['filer']}"],
            input=f"s3.lifecycle.run-shard -shards 0-15 -s3 {HOST}:{ports['s3.grpc']} -runtime 3s",
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "complete" in done.stdout, done.stdout + done.stderr

    return run


def test_the_stores_own_rule_takes_the_objects_and_neither_frontier_nor_verdict(
    expiring, carry_out
):
    wanted = {
        "ID": "once",
        "Status": "Enabled",
        "Filter": {"Prefix": PREFIX},
        "Expiration": {"Date": datetime(2024, 1, 1, tzinfo=UTC)},
    }
    expiring.objects._client.put_bucket_lifecycle_configuration(
        Bucket=expiring.objects.bucket, LifecycleConfiguration={"Rules": [wanted]}
    )
    kept = [info.key for info in expiring.objects.list("_bictl/")]
    assert len(kept) == 2

    carry_out()

    assert [info.key for info in expiring.objects.list("")] == kept
    assert take(expiring).summary == "nothing to do; frontier 0:40, 1:15"
    report = expiring.verify()
    assert problems(report) == {}
    assert report.complete
    assert "objects of 0:[0,40), 1:[0,15) have expired" in report.headline
    (said,) = {one.message for one in report.checks if one.id in ("O2", "O3")}
    assert said.endswith("6 objects of 55 records, all loaded, by rule once (on 2024-01-01)")
