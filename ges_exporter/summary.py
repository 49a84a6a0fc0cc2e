"""What one listing of a project amounts to: the value that goes from the listing to metrics and pages. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ges_exporter.backups import Backup, Group, GroupSummary, graph_names, group
from ges_exporter.coverage import Coverage, Expectation, Graph, cover
from ges_exporter.errors import ExporterError
from ges_exporter.listing import Listing


@dataclass(frozen=True, slots=True)
class Summary:
    """What the lists of a project say.

    Attributes:
        groups: what the backups of each group amount to.
        coverage: each graph and how well it is backed up.
        graphs_by_status: how many graphs of the list have each status; None without the list.
        backups: distinct backups read.
        reported: how many there are, as the API says.
        invalid: records of backups that could not be read.
        complete: whether what was read and what the API says agree.
    """

    groups: Mapping[Group, GroupSummary]
    coverage: Sequence[Coverage]
    graphs_by_status: Mapping[str, int] | None
    backups: int
    reported: int
    invalid: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One project as it was listed, or why it could not be.

    Attributes:
        project: its label; None for a project that adds no label.
        summary: what the lists say; None where the backups could not be listed.
        error: why not.
        lists_graphs: whether the graphs were asked for.
        graphs_error: why their list could not be read.
        quota_available: how many more backups may be made; None where not asked for, or not answered.
        duration: seconds the listing took.
        budget: seconds it was given.
        listed_at: when it was taken, in seconds since 1970.
        token_expiry: when the credentials in use end, in seconds since 1970; None where nobody knows.
    """

    project: str | None
    summary: Summary | None
    error: ExporterError | None
    lists_graphs: bool
    graphs_error: ExporterError | None
    quota_available: float | None
    duration: float
    budget: float
    listed_at: float
    token_expiry: float | None


def summarise(
    backups: Listing[Backup], graphs: Listing[Graph] | None, expectations: Sequence[Expectation] | None
) -> Summary:
    """Return what the lists amount to.

    Args:
        backups: the list of backups.
        graphs: the list of graphs; None where it was not asked for or could not be read.
        expectations: the rules of the config; None where it has none.
    """
    names = graph_names(backups.items)
    if graphs is not None:
        names.update((graph.id, graph.name) for graph in graphs.items)
    return Summary(
        groups=group(backups.items, names),
        coverage=cover(
            backups.items,
            names,
            None if graphs is None else graphs.items,
            expectations,
            whole=graphs is not None and graphs.complete and not graphs.unreadable,
        ),
        graphs_by_status=None if graphs is None else Counter(graph.status for graph in graphs.items),
        backups=len(backups.items),
        reported=backups.count,
        invalid=len(backups.unreadable),
        complete=backups.complete,
    )
