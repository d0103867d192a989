"""T7 where there is nothing to compare."""

from bictl.model_file import read_model
from bictl.settings import Table
from bictl.verify.evolution import as_the_source

TABLE = Table(name="product", topic="t")
MODEL = read_model("{{ bictl.cdc_table(bronze='b', key=['ID'], columns=[('ID', 'int', 'id')]) }}")


def test_a_topic_of_tombstones_alone_has_no_columns_to_compare():
    """Unwrapped and compacted, a table whose rows are all deleted leaves nothing else."""
    found = as_the_source(MODEL, None, rows=lambda: 2, table=TABLE)
    assert (found.evaluated, found.message) == (1, "no record has a row")
    assert as_the_source(MODEL, None, rows=lambda: 0, table=TABLE).evaluated == 0
