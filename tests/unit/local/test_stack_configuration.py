"""The local stack's own configuration, written anew at each start."""

from bictl.local.configuration import with_tables_of

NEW = '[kafka]\nport = 2\n\n[tables.product]\ntopic = "p"\n'


def test_a_restart_keeps_the_tables_that_were_added():
    old = NEW.replace("2", "1") + '\n[dbt]\nproject_dir = "/x"\n\n[tables.new]\ntopic = "n"\n'
    assert with_tables_of(old, NEW) == old.replace("1", "2")
    assert with_tables_of("", NEW) == with_tables_of("# another\n", NEW) == NEW
