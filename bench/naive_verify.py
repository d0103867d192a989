"""What verify is measured against: what a script compares, counts, with one reading of each layer.

A plain consumer reads the topic to its end, the bucket is listed, and Postgres counts its rows.
"""

import os

import boto3
import psycopg2
from kafka import KafkaConsumer, TopicPartition


def main() -> None:
    """The counts, a layer a line."""
    print("topic", topic(os.environ["TOPIC"]))
    print("objects", sum(1 for _ in objects()))
    for relation in os.environ["RELATIONS"].split(","):
        print(relation, rows(relation))


def topic(name: str) -> int:
    """Records, each received."""
    consumer = KafkaConsumer(
        bootstrap_servers=os.environ["BROKER"], enable_auto_commit=False, max_poll_records=5000
    )
    parts = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name)]
    consumer.assign(parts)
    consumer.seek_to_beginning()
    ends, count = consumer.end_offsets(parts), 0
    while any(consumer.position(part) < ends[part] for part in parts):
        count += sum(len(found) for found in consumer.poll(1000).values())
    consumer.close()
    return count


def objects() -> object:
    """What stands under the prefix."""
    client = boto3.client(
        "s3",
        endpoint_url=os.environ["ENDPOINT"],
        aws_access_key_id=os.environ["ACCESS_KEY"],
        aws_secret_access_key=os.environ["SECRET_KEY"],
        region_name="us-east-1",
    )
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=os.environ["BUCKET"], Prefix=os.environ["PREFIX"]
    )
    return (item for page in pages for item in page.get("Contents", ()))


def rows(relation: str) -> int:
    """Rows."""
    connection = psycopg2.connect(os.environ["DATABASE"], password=os.environ["PGPASSWORD"])
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {relation}")
        return cursor.fetchone()[0]


if __name__ == "__main__":
    main()
