-- When the store says the object was written: what a lifecycle rule counts its days from. Null where
-- the object was loaded before this column was there.
alter table bictl.object_ledger add column sealed_at timestamptz;
