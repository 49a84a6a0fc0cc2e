"""`python -m ges_exporter.demo`: the made-up cloud alone, as a process of its own, for benchmarks and for a look."""

from __future__ import annotations

import argparse
import signal
import sys
from uuid import UUID, uuid5

from ges_exporter.demo.cloud import MadeUpCloud
from ges_exporter.demo.history import Backup, Graph
from ges_exporter.demo.wire import Record, backup

GRAPHS = 100
NEWEST_START = 1_767_225_600

_NAMESPACE = UUID("6b1d7c1e-98a5-5f0e-8a43-5a1d2f0c9e77")


def plain_backups(count: int) -> list[Record]:
    """Finished backups of a hundred graphs, one an hour, the newest first, as v1.0 writes them.

    Args:
        count: How many. The first ones are the same whatever the count.
    """
    graphs = [
        Graph(
            id=str(uuid5(_NAMESPACE, f"graph {number}")),
            name=f"graph_{number:03}",
            status="200",
            arch="x86_64",
            size_type_index="2",
            data_store_version="2.3.16",
            product_type="InMemory",
            encrypted=False,
            created=NEWEST_START - 400 * 86_400,
        )
        for number in range(GRAPHS)
    ]
    return [backup(_plain_backup(number, graphs[number % GRAPHS])) for number in range(count)]


def _plain_backup(number: int, graph: Graph) -> Backup:
    start = NEWEST_START - number * 3600
    return Backup(
        id=str(uuid5(_NAMESPACE, f"backup {number}")),
        name=f"{graph.name}_{number:06}_auto",
        graph=graph,
        method="auto" if number % 7 else "manual",
        status="success" if number % 31 else "failed",
        start=start,
        end=start + 55,
        size=100 + number % 900,
        duration=54,
        encrypted=False,
    )


def main() -> int:
    """Serve until SIGTERM or Ctrl-C.

    Returns:
        The exit status, 0.
    """
    parser = argparse.ArgumentParser(prog="python -m ges_exporter.demo", description="Serves a made-up cloud.")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 (the default) for a free one")
    parser.add_argument("--latency", type=float, default=0, help="seconds that each answer of GES waits")
    parser.add_argument("--backups", type=int, help="serve so many plain backups in place of the living ones")
    arguments = parser.parse_args()
    ends = {signal.SIGINT, signal.SIGTERM}
    # Blocked before the server's thread is there, so that it inherits this and only sigwait sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    records = None if arguments.backups is None else plain_backups(arguments.backups)
    with MadeUpCloud(
        port=arguments.port,
        page_latency=arguments.latency,
        backups=None if records is None else lambda _project_id, _now: records,
    ) as cloud:
        sys.stdout.write(f"{cloud.url}\n")
        sys.stdout.flush()
        signal.sigwait(ends)
    return 0


if __name__ == "__main__":
    sys.exit(main())
