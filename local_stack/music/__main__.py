"""Runs the stand-in: `python -m local_stack.music --data FOLDER --port PORT`."""

import argparse
import sys
from pathlib import Path

import uvicorn

from local_stack.music.app import create_app
from local_stack.music.certificates import certificates


def main() -> int:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m local_stack.music")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps its certificates")
    parser.add_argument("--port", type=int, required=True, help="port on the loopback address")
    arguments = parser.parse_args()
    uvicorn.run(
        create_app(),
        host="127.0.0.1",
        port=arguments.port,
        ssl_certfile=certificates(arguments.data.resolve()).server,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
