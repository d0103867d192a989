"""A service that dies under an ingest: unreachable, and the rerun completes."""

import pytest
from ingested import records

from bictl.clients import Clients
from bictl.errors import Unreachable
from bictl.ingest import ingest
from bictl.settings import Ingest

COUNT = 200


@pytest.mark.parametrize("service", ["kafka", "s3"])
def test_a_service_killed_in_the_middle_is_unreachable_and_a_rerun_completes(
    fragile_stack, produce, table, run, lines, settings, clients, service
):
    produce(table.topic, records(COUNT) + records(COUNT, partition=1), 2)
    seen = []

    def kill(progress) -> None:
        if not seen:
            fragile_stack.kill(service)
        seen.append(progress)

    with Clients(settings, timeout=3) as impatient, pytest.raises(Unreachable) as caught:
        ingest(
            impatient.reader,
            impatient.objects,
            table=table,
            limits=Ingest(batch_records=60),
            run="cut off",
            on_progress=kill,
        )
    assert seen
    assert caught.value.exit_code == 4
    assert caught.value.hint

    fragile_stack.start(fragile_stack.state_dir)
    clients.close()
    run(batch_records=60)
    found = [(line.partition, line.offset) for line in lines()]
    assert found == [(partition, offset) for partition in (0, 1) for offset in range(COUNT)]
