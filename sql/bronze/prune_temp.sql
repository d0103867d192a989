-- The newest change of each key of one partition: what a row that goes has behind it.
create temp table if not exists {bictl_newest} (
    key text not null,
    has_schema boolean not null,
    kafka_offset bigint not null,
    position text collate "C",
    primary key (key, has_schema)
)
