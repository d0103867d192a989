"""The layers in flow order and the names of the boundaries between them."""

SOURCE, KAFKA, OBJECTS = "source", "Kafka", "objects"
BRONZE, STAGING, VECTORS = "bronze", "staging", "vectors"

SOURCE_TO_KAFKA = f"{SOURCE} → {KAFKA}"
KAFKA_TO_OBJECTS = f"{KAFKA} → {OBJECTS}"
OBJECTS_TO_BRONZE = f"{OBJECTS} → {BRONZE}"
BRONZE_TO_STAGING = f"{BRONZE} → {STAGING}"
STAGING_TO_VECTORS = f"{STAGING} → {VECTORS}"
META = "bictl"
