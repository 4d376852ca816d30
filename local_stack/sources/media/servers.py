"""Puts the synthetic backup and target onto real servers: S3 or a folder, PostgreSQL, Supabase Storage.

Here: clients and their calls. What is put there is decided in `shape`, `photographs` and `hostile`.
Nothing here ever empties or overwrites what a migration has written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from local_stack.sources.media.shape import Dataset

if TYPE_CHECKING:
    from storage3 import SyncStorageClient
    from storage3.types import CreateOrUpdateBucketOptions

UPLOAD_THREADS = 8
BUCKETS: Mapping[str, Mapping[str, Any]] = {
    "avatars": {
        "public": True, "file_size_limit": 2_000_000, "allowed_mime_types": ["image/jpeg", "image/png", "image/webp"],
    },
    "service-media": {
        "public": True, "file_size_limit": 10_000_000, "allowed_mime_types": ["image/jpeg", "image/png", "image/webp"],
    },
    "chat-media": {
        "public": False, "file_size_limit": 5_000_000,
        "allowed_mime_types": ["image/jpeg", "image/png", "image/webp", "image/gif"],
    },
}  # fmt: skip


def s3_client(environment: Mapping[str, str]) -> Any:
    """A boto3 client for `S3_ENDPOINT_URL` and the AWS_ variables of `environment`."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=environment.get("S3_ENDPOINT_URL") or None,
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        region_name=environment.get("AWS_REGION", "us-east-1"),
        config=Config(max_pool_connections=UPLOAD_THREADS, retries={"max_attempts": 5, "mode": "standard"}),
    )


def backup_size(environment: Mapping[str, str]) -> tuple[int, int]:
    """(objects, bytes) that stand at `S3_BACKUP_PATH` now; (0, 0) where there is nothing yet."""
    place = environment["S3_BACKUP_PATH"]
    if not place.startswith("s3://"):
        sizes = [path.stat().st_size for path in Path(place).rglob("*") if path.is_file()]
        return len(sizes), sum(sizes)
    client, bucket, prefix = s3_client(environment), *_bucket_and_prefix(place)
    try:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        sizes = [item["Size"] for page in pages for item in page.get("Contents", ())]
    except client.exceptions.NoSuchBucket:
        return 0, 0
    return len(sizes), sum(sizes)


def put_backup(environment: Mapping[str, str], objects: Iterable[tuple[str, bytes]]) -> tuple[int, int]:
    """Writes objects below `S3_BACKUP_PATH`; returns (objects, bytes)."""
    place = environment["S3_BACKUP_PATH"]
    if place.startswith("s3://"):
        return _put_s3(environment, *_bucket_and_prefix(place), objects)
    count = size = 0
    for key, data in objects:
        path = Path(place) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        count, size = count + 1, size + len(data)
    return count, size


def _bucket_and_prefix(place: str) -> tuple[str, str]:
    parts = urlsplit(place)
    prefix = parts.path.strip("/")
    return parts.netloc, f"{prefix}/" if prefix else ""


def _put_s3(
    environment: Mapping[str, str], bucket: str, prefix: str, objects: Iterable[tuple[str, bytes]]
) -> tuple[int, int]:
    client = s3_client(environment)
    if bucket not in [found["Name"] for found in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=bucket)
    count = size = 0
    with ThreadPoolExecutor(UPLOAD_THREADS) as threads:
        window = []
        for key, data in objects:
            window.append(threads.submit(client.put_object, Bucket=bucket, Key=prefix + key, Body=data))
            count, size = count + 1, size + len(data)
            if len(window) >= 4 * UPLOAD_THREADS:
                window.pop(0).result()
        for upload in window:
            upload.result()
    return count, size


def install_schema(conninfo: str) -> None:
    """The target's tables, types and trigger; leaves what is there."""
    import psycopg

    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute((Path(__file__).parent / "schema.sql").read_bytes())


def has_other_people(conninfo: str, dataset: Dataset) -> bool:
    """Whether the database has users, but none of the data set's."""
    import psycopg

    ours = [new for _, new, _ in dataset.users]
    with psycopg.connect(conninfo) as connection:
        (there,) = connection.execute("select to_regclass('auth.users') is not null").fetchone() or (False,)
        if not there:
            return False
        query = "select count(*), count(*) filter (where id::text = any(%s)) from auth.users"
        people, known = connection.execute(query, [ours]).fetchone() or (0, 0)
    return bool(people and not known)


def put_people(conninfo: str, dataset: Dataset) -> None:
    """Users (whose profiles the trigger makes) and services; rows that are there already stay as they are."""
    import psycopg
    from psycopg.types.json import Jsonb

    people = [
        (
            new,
            f"person{number:04d}@example.invalid",
            Jsonb({"full_name": f"Person {number:04d}", "role": role, "original_id": old}),
        )
        for number, (old, new, role) in enumerate(dataset.users)
    ]
    titles = {row["supabase_id"]: row["title"] for row in dataset.services_created["results"]}
    with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s) on conflict (id) do nothing",
            people,
        )
        cursor.executemany(
            "insert into public.services (id, stylist_id, title, price, duration_minutes)"
            " values (%s, %s, %s, %s, %s) on conflict (id) do nothing",
            [
                (service, stylist, titles[service], 450 + 10 * (number % 90), 30 + 15 * (number % 5))
                for number, (service, stylist) in enumerate(dataset.services)
            ],
        )


def storage_client(environment: Mapping[str, str]) -> SyncStorageClient:
    """Supabase's own client for the project's Storage."""
    from supabase import create_client

    return create_client(environment["SUPABASE_URL"], environment["SUPABASE_SERVICE_ROLE_KEY"]).storage


def make_buckets(environment: Mapping[str, str]) -> None:
    """The three buckets with the app's limits and types; a bucket that is there already is left alone."""
    storage = storage_client(environment)
    there = {bucket.id for bucket in storage.list_buckets()}
    for name, options in BUCKETS.items():
        if name not in there:
            storage.create_bucket(name, options=cast("CreateOrUpdateBucketOptions", dict(options)))
