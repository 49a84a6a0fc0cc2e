"""How fast a long list is read, and how much memory that takes: ratios to the ideal, measured in one run.

The made-up cloud runs as a process of its own. Run it with `make benchmark`.
"""

import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ges_exporter.config import Config, Project, Scrape
from ges_exporter.config_auth import PasswordAuth
from ges_exporter.demo import accounts
from ges_exporter.exposition import expose
from ges_exporter.memory import give_back_what_is_freed
from ges_exporter.metrics import project_families
from ges_exporter.scrape import Scraper
from ges_exporter.secret import Secret
from ges_exporter.telemetry import Telemetry

LATENCY = 0.05
CONCURRENCY = 8


@contextmanager
def cloud(*, backups: int, latency: float) -> Iterator[str]:
    """Run the made-up cloud; what entering gives is its address."""
    command = [sys.executable, "-m", "ges_exporter.demo", "--latency", str(latency), "--backups", str(backups)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def scraper(url: str) -> Scraper:
    """Return a scraper of the made-up cloud at an address."""
    user = accounts.DEMO_USER
    project = Project(
        project_id=accounts.PROJECT_ID,
        name=None,
        endpoint=url,
        iam_endpoint=url,
        api_version="v1.0",
        list_graphs=False,
        list_quotas=False,
        ca_file=None,
        auth=PasswordAuth(user.domain, user.name, Secret(user.password)),
    )
    # The default of 100 requests a second is there for the cloud's sake, and would be what is measured here.
    scrape = Scrape(timeout_seconds=300, concurrency=CONCURRENCY, max_requests_per_second=10_000)
    return Scraper(Config(scrape, None, (project,)), Telemetry())


def scrape_once(subject: Scraper, expected: int) -> float:
    """Scrape as /metrics does; return the seconds it took."""
    begun = time.perf_counter()
    snapshots = subject.collect(300)
    expose(project_families(snapshots))
    taken = time.perf_counter() - begun
    summary = snapshots[0].summary
    assert summary is not None, snapshots[0].error
    assert (summary.backups, summary.complete) == (expected, True)
    return taken


def resident() -> float:
    """Return the process's resident memory in MB (10^6 bytes)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def speed(pages: int = 100) -> None:
    """Compare the time for many pages with the least that their latency allows."""
    backups = pages * 100 - 50  # the last page is half full: it takes exactly so many requests
    ideal = math.ceil((pages - 1) / CONCURRENCY + 1) * LATENCY
    with cloud(backups=backups, latency=LATENCY) as url:
        subject = scraper(url)
        scrape_once(subject, backups)
        taken = [scrape_once(subject, backups) for _ in range(5)]
    print(f"{pages} pages at {LATENCY * 1000:.0f} ms, {CONCURRENCY} at once: ideal {ideal:.2f} s")
    print(f"  median {statistics.median(taken):.2f} s, that is {statistics.median(taken) / ideal:.2f} of the ideal")


def memory(backups: int = 100_000, scrapes: int = 200) -> None:
    """Show what a large listing adds to an idle process, and what many of them do."""
    with cloud(backups=100, latency=0) as url:
        scrape_once(scraper(url), 100)
    idle = resident()
    with cloud(backups=backups, latency=0) as url:
        subject = scraper(url)
        scrape_once(subject, backups)
        first = resident()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        print(f"{backups} backups: {idle:.0f} MB idle, +{first - idle:.0f} MB after, +{peak - idle:.0f} MB at the peak")
        for _ in range(scrapes):
            scrape_once(subject, backups)
        print(f"  {scrapes} scrapes more: {resident() - first:+.1f} MB")


if __name__ == "__main__":
    give_back_what_is_freed()
    speed()
    memory(scrapes=int(sys.argv[1]) if sys.argv[1:] else 200)
