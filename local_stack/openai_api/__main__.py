"""Runs the stand-in: `python -m local_stack.openai_api --port PORT`; it takes the key in OPENAI_API_KEY."""

import argparse
import os
import sys

import uvicorn

from local_stack.openai_api.app import create_app


def main() -> int:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m local_stack.openai_api")
    parser.add_argument("--port", type=int, required=True, help="port on the loopback address")
    arguments = parser.parse_args()
    uvicorn.run(
        create_app(os.environ["OPENAI_API_KEY"]),
        host="127.0.0.1",
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
