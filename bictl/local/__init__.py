"""The embedded services (Postgres, S3, a Kafka-compatible broker) and the demo's data.

processes       start, find again, end: by command line and start time
ports           free ports on loopback
state           stack.json, the lock of the state directory
service         what a service is, and the three of them:
postgres, seaweed, tansu
stack           all three together: start, stop, status, purge
configuration   the bictl.toml that leads to them
catalogue, events, publish    the demo's products, as SQL Server change events
"""
