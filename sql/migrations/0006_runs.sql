-- What ran last, stage by stage, and one run by its id: found without reading the whole ledger.
create index run_by_stage on bictl.run (command, id);
create index run_by_run on bictl.run (run_id);
