"""The layers in flow order and the names of the boundaries between them."""

SOURCE, KAFKA, OBJECTS = "source", "Kafka", "objects"
BRONZE, STAGING, VECTORS = "bronze", "staging", "vectors"

SOURCE_TO_KAFKA = f"{SOURCE} → {KAFKA}"
KAFKA_TO_OBJECTS = f"{KAFKA} → {OBJECTS}"
OBJECTS_TO_BRONZE = f"{OBJECTS} → {BRONZE}"
BRONZE_TO_STAGING = f"{BRONZE} → {STAGING}"
STAGING_TO_VECTORS = f"{STAGING} → {VECTORS}"
META = "bictl"

# By the first letter of a check's id: what it looks at, and by which name --select takes it.
LAYERS = {
    "S": SOURCE,
    "C": "connector",
    "K": KAFKA,
    "O": OBJECTS,
    "B": BRONZE,
    "T": STAGING,
    "E": VECTORS,
    "M": META,
}
