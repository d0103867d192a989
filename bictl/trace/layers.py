"""The layers of a trace in flow order, and those that a record reaches at a time."""

SOURCE, KAFKA, OBJECTS, LEDGER, BRONZE = "source", "Kafka", "objects", "ledger", "bronze"
KEY, STAGING, VECTORS = "key", "staging", "vectors"
WAY = (SOURCE, KAFKA, OBJECTS, BRONZE, VECTORS)

VERIFY = "bictl verify --deep"  # what tells more where no command repairs
