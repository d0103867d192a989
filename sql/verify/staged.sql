,
-- What staging shows, read once: its key as one text beside its columns.
staged as materialized (
    select ({id}) collate "C" as bictl_key, {columns}
    from {staging} as shown
)
