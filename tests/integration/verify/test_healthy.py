"""A healthy pipeline is complete, whatever legal oddities it holds: no false alarm."""


def test_a_healthy_pipeline_is_complete(pipeline):
    found = pipeline.verify()
    for c in found.checks: print(c.id, c.state, c.evaluated, c.message, round(c.seconds,3))
    for b in found.boundaries: print(b)
    print(found.headline)
    assert found.complete, found.headline
    assert found.exit_code == 0
