"""Checks of servers that somebody else runs: a variable that replaces a part must lead to one that answers.

Here belongs asking, within seconds, and saying in one line which variable is wrong. Nothing is written by
asking, and no line shows a password or a key.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from local_stack.servers import ServerFailed
from local_stack.variables import BACKUP_BUCKET, DATABASES, REGISTRY_URIS

_TIMEOUT_SECONDS = 3


class UnusableServer(ServerFailed):
    """A server given by an environment variable cannot be used: one line that begins with the variable's name."""


def check_given_servers(given: Mapping[str, str]) -> None:
    """Ask every given server at once; raises UnusableServer with one line for each that cannot be used."""
    checks = list(_checks(given))
    if not checks:
        return
    with ThreadPoolExecutor(len(checks)) as pool:
        problems = [problem for problem in pool.map(_problem, checks) if problem]
    if problems:
        raise UnusableServer("\n".join(problems))


def _checks(given: Mapping[str, str]) -> Iterable[Callable[[], None]]:
    for name in DATABASES:
        if name in given:
            yield lambda name=name: _check_postgres(name, given[name])  # type: ignore[misc]
    for name in REGISTRY_URIS:
        if name in given:
            yield lambda name=name: _check_mongo(name, given[name])  # type: ignore[misc]
    if "S3_ENDPOINT_URL" in given or given.get("S3_BACKUP_PATH", "").startswith("s3://"):
        yield lambda: _check_s3(given)
    if "SUPABASE_URL" in given:
        yield lambda: _check_storage(given)


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except UnusableServer as problem:
        return str(problem)
    return None


def place(url: str) -> str:
    """Host, port and path of a url: what may be shown of it."""
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an address that cannot be read"
    return f"{hosts}{parts.path}" if hosts else "an address without a host"


def _check_postgres(name: str, url: str) -> None:
    import psycopg

    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise UnusableServer(f"{name}: not a PostgreSQL url; it begins with postgresql://")
    try:
        with psycopg.connect(f"postgresql://{rest}", connect_timeout=_TIMEOUT_SECONDS) as connection:
            connection.execute("select 1")
    except psycopg.ProgrammingError:  # its text repeats the url
        raise UnusableServer(f"{name}: not a PostgreSQL url that can be read") from None
    except psycopg.Error as problem:
        reason = _without_password(" ".join(str(problem).split()), url)
        raise UnusableServer(f"{name}: PostgreSQL at {place(url)} cannot be used: {reason}") from None


def _check_mongo(name: str, uri: str) -> None:
    from pymongo import MongoClient
    from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

    milliseconds = _TIMEOUT_SECONDS * 1000
    try:
        with MongoClient[dict[str, object]](
            uri, serverSelectionTimeoutMS=milliseconds, connectTimeoutMS=milliseconds
        ) as client:
            hello = client.admin.command("hello")
    except (InvalidURI, ConfigurationError, ValueError):
        raise UnusableServer(
            f"{name}: not a MongoDB uri that can be read, or its host name is unknown"
        ) from None
    except OperationFailure as problem:
        raise UnusableServer(
            f"{name}: MongoDB at {place(uri)} refuses: {(problem.details or {}).get('codeName', problem.code)}"
        ) from None
    except PyMongoError as problem:
        raise UnusableServer(
            f"{name}: MongoDB at {place(uri)} does not answer within {_TIMEOUT_SECONDS} s ({type(problem).__name__})"
        ) from None
    if name == "REGISTRY_DEVELOPMENT_URI" and "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise UnusableServer(
            f"{name}: MongoDB at {place(uri)} is not part of a replica set, which transactions and change streams "
            "need: start it with --replSet and initiate the set"
        )


def _check_s3(given: Mapping[str, str]) -> None:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    name = "S3_ENDPOINT_URL" if "S3_ENDPOINT_URL" in given else "S3_BACKUP_PATH"
    where = place(given[name])
    bucket = urlsplit(given.get("S3_BACKUP_PATH", f"s3://{BACKUP_BUCKET}")).netloc or BACKUP_BUCKET
    try:
        client = boto3.client(
            "s3",
            endpoint_url=given.get("S3_ENDPOINT_URL"),
            region_name=given.get("AWS_REGION"),
            aws_access_key_id=given.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=given.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=given.get("AWS_SESSION_TOKEN"),
            config=Config(
                connect_timeout=_TIMEOUT_SECONDS,
                read_timeout=_TIMEOUT_SECONDS,
                retries={"total_max_attempts": 1},
            ),
        )
        client.head_bucket(Bucket=bucket)
    except ClientError as problem:
        status = problem.response["ResponseMetadata"]["HTTPStatusCode"]
        if status != 404:  # a bucket that is missing is made when the store is filled
            raise UnusableServer(
                f"{name}: the S3 store at {where} refuses the bucket {bucket} with HTTP {status}: check "
                "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"
            ) from None
    except (BotoCoreError, ValueError) as problem:
        raise UnusableServer(
            f"{name}: the S3 store at {where} does not answer ({type(problem).__name__})"
        ) from None


def _check_storage(given: Mapping[str, str]) -> None:
    import httpx

    url, key = given["SUPABASE_URL"], given.get("SUPABASE_SERVICE_ROLE_KEY")
    if key is None:
        raise UnusableServer("SUPABASE_SERVICE_ROLE_KEY: not set, but needed beside SUPABASE_URL")
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/storage/v1/bucket",
            headers={"apikey": key, "Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_SECONDS,
        )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        raise UnusableServer(
            f"SUPABASE_URL: Supabase at {place(url)} does not answer ({type(problem).__name__})"
        ) from None
    if answer.status_code in (400, 401, 403):
        raise UnusableServer(f"SUPABASE_SERVICE_ROLE_KEY: Supabase at {place(url)} refuses this key")
    if answer.status_code != httpx.codes.OK:
        raise UnusableServer(
            f"SUPABASE_URL: what answers at {place(url)} is no Supabase Storage (HTTP {answer.status_code})"
        )


def _without_password(text: str, url: str) -> str:
    password = urlsplit(url).password
    return text.replace(password, "***") if password else text
