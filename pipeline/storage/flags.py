"""The flags of commands that read an output: how its store is reached."""

from __future__ import annotations

import argparse

from pipeline.config import StoreConfig


def add_store_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    for scheme in ("s3", "gs", "az"):
        flag = f"{scheme}-endpoint"
        parser.add_argument(f"--{flag}", default="", help=f"as --store.{flag} of the job")
    parser.add_argument("--anonymous", action="store_true", help="as --store.anonymous of the job")


def store_of(arguments: argparse.Namespace) -> StoreConfig:
    """The settings that the flags give."""
    return StoreConfig(
        s3_endpoint=arguments.s3_endpoint,
        gs_endpoint=arguments.gs_endpoint,
        az_endpoint=arguments.az_endpoint,
        anonymous=arguments.anonymous,
    )
