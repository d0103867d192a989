-- A replication slot: whether somebody reads it, whether the log that it needs is there, and up to
-- where its reader said that it needs nothing more.
select active, wal_status, confirmed_flush_lsn - '0/0'::pg_lsn
from pg_replication_slots
where slot_name = %s and database = current_database()
