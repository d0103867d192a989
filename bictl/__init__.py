"""bictl: every change of a SQL Server table, carried into a typed, searchable Postgres, and proved.

Data flows top to bottom through this listing:

    errors        one exception root, exit codes, hints
    inert         text that a terminal shows and never obeys
    counted       a number of things in words
    assets        where sql/, dbt/ and infra/ are, in a checkout and in a wheel
    settings      defaults < file < environment < flags, with provenance
    records       the frozen values that cross stages
    wire          the bytes of one record: its line, its envelope
    clients/      the only place where vendor packages are imported; one file a service
    ops/          locks, signals, logs, run ledger
    — the pipeline, in flow order —
    cdc           source → Kafka: what the connector does and how far it is
    ingest        Kafka → objects: sealed batches, each with its range manifest
    bronze        objects → Postgres: COPY, dedupe, quarantine, ledger: one transaction an object
    staging       bronze → typed rows: dbt
    embeddings    rows → vectors: only what changed
    search        query → hits
    verify        across every boundary
    repair        what is safe about a verdict's failures
    trace         one record, every layer
    pipeline      the stages in order, for every table
    — around it —
    doctor        what the promises depend on, probed
    local/        the embedded services and the demo's data
    cli/          one small file a command; render alone knows rich
"""

__version__ = "0.1.0"
