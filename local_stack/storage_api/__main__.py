"""Runs the stand-in: `python -m local_stack.storage_api --data FOLDER --port PORT`.

The secret of its tokens comes from the environment (STORAGE_JWT_SECRET), never from the command line.
"""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from local_stack.storage_api.app import create_app


def main() -> int:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m local_stack.storage_api")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps the objects")
    parser.add_argument("--port", type=int, required=True, help="port on the loopback address")
    arguments = parser.parse_args()
    secret = os.environ.get("STORAGE_JWT_SECRET")
    if not secret:
        print("error: STORAGE_JWT_SECRET is not set", file=sys.stderr)
        return 2
    uvicorn.run(
        create_app(arguments.data.resolve(), secret),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,  # longer than a client's pause, so that no connection closes under a request
        timeout_graceful_shutdown=3,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
