"""--config.check: what an operator would find out at the first scrape, found out before it."""

from ges_exporter.advice import in_words
from ges_exporter.errors import printable
from ges_exporter.scrape import Scraper
from ges_exporter.summary import Snapshot
from ges_exporter.target import Target


def check(scraper: Scraper) -> tuple[list[str], bool]:
    """List each project once.

    Args:
        scraper: the config's projects.

    Returns:
        A line for each project: what was seen, or what failed and what to do about it; and whether all is well.
    """
    snapshots = scraper.collect(scraper.config.scrape.timeout_seconds)
    lines = [_line(target, snapshot) for target, snapshot in zip(scraper.targets, snapshots, strict=True)]
    return lines, all(snapshot.error is None and snapshot.graphs_error is None for snapshot in snapshots)


def _line(target: Target, snapshot: Snapshot) -> str:
    name = printable(target.name)
    if snapshot.summary is None:
        return f"{name}: failed: {in_words(snapshot.error)}"
    seen = [f"{snapshot.summary.reported} backups"]
    if snapshot.lists_graphs and snapshot.summary.graphs_by_status is not None:
        seen.append(f"{sum(snapshot.summary.graphs_by_status.values())} graphs")
    if snapshot.summary.invalid:
        seen.append(f"{snapshot.summary.invalid} records that cannot be read")
    line = f"{name}: {', '.join(seen)}"
    return line if snapshot.graphs_error is None else f"{line}; failed: {in_words(snapshot.graphs_error)}"
