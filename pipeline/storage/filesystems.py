"""Connects to object stores, with credentials from each store's usual environment variables.

S3: ``AWS_*``, the files of the AWS tools, or the machine's role. Google: its application default
credentials. Azure: ``AZURE_STORAGE_ACCOUNT_NAME`` with ``AZURE_STORAGE_ACCOUNT_KEY``,
``AZURE_STORAGE_SAS_TOKEN`` or what Azure's default chain finds.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline.config import StoreConfig
from pipeline.errors import ConfigError
from pipeline.storage import uris

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_PRESIGNED_S = 7 * 24 * 3600 - 60
"""S3 presigns for a week at most; this is a minute less."""


def filesystem(uri: str, config: StoreConfig) -> tuple[FileSystem, str]:
    """The pyarrow file system of a URI, and the path of the URI in it.

    Raises:
        ConfigError: The environment lacks what the store needs.
    """
    bucket, key = uris.bucket_and_key(uri)
    return _filesystem(uris.scheme(uri), bucket, config), f"{bucket}/{key}"


@lru_cache(maxsize=32)
def _filesystem(scheme: str, bucket: str, config: StoreConfig) -> FileSystem:
    connect = {"s3": _s3, "gs": _gs, "az": _az}[scheme]
    return connect(bucket, config)


def _s3(bucket: str, config: StoreConfig) -> FileSystem:
    from pyarrow import fs

    endpoint = s3_endpoint(config)
    return fs.S3FileSystem(
        anonymous=config.anonymous,
        region=_s3_region(bucket, config, endpoint),
        endpoint_override=endpoint or None,
        connect_timeout=config.connect_s,
        # Retries are `remote_file`'s.
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
        # Up to 10 MB is a single PUT; a larger upload is visible once it is complete.
        allow_delayed_open=True,
    )


def s3_endpoint(config: StoreConfig) -> str:
    """The URL of the S3 service, "" for Amazon's own."""
    for_s3 = os.environ.get("AWS_ENDPOINT_URL_S3", "")
    return config.s3_endpoint or for_s3 or os.environ.get("AWS_ENDPOINT_URL", "")


def _s3_region(bucket: str, config: StoreConfig, endpoint: str) -> str:
    import boto3
    from pyarrow import fs

    region = config.s3_region or boto3.Session().region_name
    if region or endpoint:
        return region or "us-east-1"
    try:
        return str(fs.resolve_s3_region(bucket))
    except OSError:
        return "us-east-1"


@lru_cache(maxsize=4)
def s3_client(config: StoreConfig) -> Any:
    """A boto3 client, for listings, conditional writes and presigned URLs."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    settings = Config(
        connect_timeout=config.connect_s,
        read_timeout=config.read_s,
        retries={"mode": "standard", "total_max_attempts": config.tries},
        signature_version=UNSIGNED if config.anonymous else None,
    )
    return boto3.Session().client(
        "s3",
        endpoint_url=s3_endpoint(config) or None,
        region_name=config.s3_region or boto3.Session().region_name or "us-east-1",
        config=settings,
    )


def presigned(uri: str, config: StoreConfig) -> str:
    """A presigned URL of an S3 object, valid as long as its credentials, a week at most.

    Raises:
        PermissionError: There are no credentials.
    """
    from botocore.exceptions import BotoCoreError

    bucket, key = uris.bucket_and_key(uri)
    wanted = {"Bucket": bucket, "Key": key}
    client = s3_client(config)
    try:
        return str(client.generate_presigned_url("get_object", wanted, ExpiresIn=_PRESIGNED_S))
    except BotoCoreError as error:
        raise PermissionError(str(error)) from None


def _gs(bucket: str, config: StoreConfig) -> FileSystem:
    from pyarrow import fs

    address = urlsplit(config.gs_endpoint)
    return fs.GcsFileSystem(
        anonymous=config.anonymous,
        endpoint_override=address.netloc or None,
        scheme=address.scheme or None,
        retry_time_limit=timedelta(seconds=max(1.0, config.connect_s)),
    )


def _az(container: str, config: StoreConfig) -> FileSystem:
    from pyarrow import fs

    account = _environment("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
    if not account:
        raise ConfigError("az:// needs the name of the account in AZURE_STORAGE_ACCOUNT_NAME")
    if config.anonymous:
        host = f"{account}.blob.core.windows.net"
        anonymous = f"abfss://{container}@{host}/?credential_kind=anonymous"
        return fs.FileSystem.from_uri(anonymous)[0]
    address = urlsplit(config.az_endpoint)
    return fs.AzureFileSystem(
        account,
        account_key=_environment("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY") or None,
        sas_token=_environment("AZURE_STORAGE_SAS_TOKEN") or None,
        blob_storage_authority=address.netloc or None,
        blob_storage_scheme=address.scheme or None,
        dfs_storage_authority=address.netloc or None,
        dfs_storage_scheme=address.scheme or None,
    )


def _environment(*names: str) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")
