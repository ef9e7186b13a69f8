"""A program for tests to kill: runs embedded servers until its input ends. Usage: holder.py DATA_DIR"""

import json
import sys
from pathlib import Path

from toril.devserver.servers import EmbeddedServers


def main() -> None:
    servers = EmbeddedServers(Path(sys.argv[1]))
    endpoints = servers.start()
    processes = [servers.postgres.process, servers.valkey.process]
    told = {
        "database_url": endpoints.database_url,
        "redis_url": endpoints.redis_url,
        "postgres": servers.postgres.pid,
        "valkey": servers.valkey.pid,
        "guards": [process.guard_pid for process in processes if process],
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    servers.stop()


main()
