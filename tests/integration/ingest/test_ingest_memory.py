"""Memory is flat whatever the topic's size."""

import subprocess
import sys
from pathlib import Path

from ingested import NOON

VALUE = b'{"op":"c","text":"%b"}' % (b"x" * 20_000)


def test_four_times_as_many_records_need_no_more_memory(produce, table, settings, keys, clients):
    produce(table.topic, [(b"%d" % number, VALUE, [], NOON, 0) for number in range(1500)])
    small = peak(settings)
    for key in keys():
        clients.objects.delete(key)
    produce(table.topic, [(b"%d" % number, VALUE, [], NOON, 0) for number in range(4500)])
    large = peak(settings)
    assert large < 1.2 * small


def peak(settings) -> int:
    """KiB, of a run with batches that are small beside the topic: the first 30 MB fill them."""
    driver = Path(__file__).with_name("one_ingest.py")
    done = subprocess.run(
        [sys.executable, str(driver), str(settings.path), "250"],
        input="go\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return int(done.stdout.split()[-1])
