"""The PromQL of the dashboard, in pieces that have a name.

Two rules hold for all of it. Series are aggregated to the labels named here, so that two exporters on one project, or
two targets of one exporter, count once. And what is not known is not 0: a count of bad things is empty, not 0, as long
as a project is blind.
"""

# Raw strings with the format `regex`, because a name may hold what ends or escapes a quoted string.
PROJECT = "project=~`${project:regex}`"
GRAPH = f"{PROJECT},graph_name=~`${{graph:regex}}`"

GRAPH_LABELS = "project, graph_name, graphId"
GROUP_LABELS = "project, graph_name, backupMethod, arch"

# The same limits as those of the alert GESBackupStuck.
STUCK_AFTER_SECONDS = 4 * 3600
STUCK_AFTER_SECONDS_WHEN_SLOW = 3600
SLOW_AFTER_LAST_DURATIONS = 4  # of which 0 is an unknown one


def by_project(metric: str, how: str = "max") -> str:
    """One series for each selected project."""
    return f"{how} by (project) ({metric}{{{PROJECT}}})"


def by_graph(metric: str, matchers: str = "") -> str:
    """One series for each selected graph; `matchers` narrow further and begin with a comma."""
    return f"max by ({GRAPH_LABELS}) ({metric}{{{GRAPH}{matchers}}})"


def by_group(metric: str, how: str = "max") -> str:
    """One series for each graph name, backup method and architecture."""
    return f"{how} by ({GROUP_LABELS}) ({metric}{{{GRAPH}}})"


def by_name(metric: str) -> str:
    """One series for each graph name and backup method: architectures added up."""
    return f"sum by (project, graph_name, backupMethod) ({by_group(metric)})"


# 1 where a project is seen, 0 where it is blind. A project whose exporter died has no series any more: it is still 0,
# for a day, rather than forgotten.
SEEN_PROJECTS = f"""(
  {by_project("ges_up")}
  or
  0 * max by (project) (last_over_time(ges_up{{{PROJECT}}}[1d]))
)"""
ALL_SEEN = f"min{SEEN_PROJECTS} == 1"
# A project whose graphs are not listed, by failure or by choice, cannot tell of a graph that has no backup at all.
ALL_GRAPHS_SEEN = f"""{ALL_SEEN}
  and
  min(
    {by_project("ges_graphs_up")}
    or
    0 * {SEEN_PROJECTS}
  ) == 1"""

EXISTING = by_graph("ges_graph_info", ',graphStatus!="400"')
MAX_AGE = by_graph("ges_graph_backup_max_age_seconds")
LAST_SUCCESS = by_graph("ges_graph_last_success_timestamp_seconds")
CREATED = by_graph("ges_graph_created_timestamp_seconds")
SUCCESSES = by_graph("ges_graph_backups_successful")

# A graph without a backup is given the same time from its creation on.
WITHIN_POLICY = f"""(
  time() - ({LAST_SUCCESS} or {CREATED})
  <=
  {MAX_AGE}
)"""
NEVER_BACKED_UP = f"""(
  {MAX_AGE}
  and {SUCCESSES} == 0
  unless {WITHIN_POLICY}
)"""
OUT_OF_POLICY = f"""(
  {MAX_AGE}
  unless {WITHIN_POLICY}
  unless {NEVER_BACKED_UP}
)"""
NO_POLICY = f"({EXISTING} unless {MAX_AGE})"

# Infinity where nothing is known of the graph's age: the worst row of a table, and no row that goes missing.
AGE_RATIO = f"""(time() - ({LAST_SUCCESS} or {CREATED})) / {MAX_AGE}
or
Inf * {MAX_AGE}"""
AGE = f"time() - {LAST_SUCCESS} and {EXISTING}"
STATE = f"""0 * {WITHIN_POLICY}
or
2 + 0 * {NEVER_BACKED_UP}
or
1 + 0 * {OUT_OF_POLICY}
or
3 + 0 * {NO_POLICY}"""

# The oldest success is known by the graph's name only, so nothing is said of a name that two graphs have had.
REACHES_BACK = f"""time() - (
  min by (project, graph_name) (ges_backup_oldest_success_timestamp_seconds{{{GRAPH}}})
  unless
  count by (project, graph_name) ({by_graph("ges_graph_info")}) > 1
) * on (project, graph_name) group_right () {EXISTING}"""

FAILING = f"""(
  min by (project, graph_name) ({by_group("ges_backup_last_attempt_successful")}) == 0
  and on (project, graph_name) {EXISTING}
)"""
RUNNING_SECONDS = f"(time() - {by_group('ges_backup_in_progress_start_timestamp_seconds')})"
STUCK = f"""max by (project, graph_name) (
  {RUNNING_SECONDS} > {STUCK_AFTER_SECONDS}
  or (
    {RUNNING_SECONDS} > {STUCK_AFTER_SECONDS_WHEN_SLOW}
    and {RUNNING_SECONDS} > {SLOW_AFTER_LAST_DURATIONS} * (
      {by_group("ges_backup_last_success_duration_seconds")} > 0
    )
  )
)
and on (project, graph_name) {EXISTING}"""

TOKEN_SECONDS_LEFT = f"""clamp_min(
  {by_project("ges_exporter_token_expiry_timestamp_seconds", "min")} - time(),
  0
)"""


def count(things: str, seen: str = ALL_SEEN) -> str:
    """How many there are: 0 only while `seen` holds, nothing where some might be out of sight."""
    return f"""count(
  {things}
)
or
(vector(0) and on () ({seen}))"""


def mean_duration() -> str:
    """Seconds a stored successful backup took on average, for each graph name and backup method."""
    return f"{by_name('ges_backups_duration_seconds')} / ({by_name('ges_backups_successful')} > 0)"


def total(metric: str, labels: str = "") -> str:
    """Backups of all selected groups, added up over all labels but `labels`."""
    return f"sum by ({labels}) ({by_group(metric)})"


def other_statuses() -> str:
    """Backups with a status that the API does not document: those that are in no other count."""
    known = ("ges_backups_successful", "ges_backups_failed", "ges_backups_in_progress")
    return " - ".join(total(metric) for metric in ("ges_backups", *known))


def latency(quantile: float) -> str:
    """Seconds within which this share of the requests was answered, for each operation."""
    buckets = "rate(ges_exporter_api_request_duration_seconds_bucket[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by (operation, le) ({buckets}))"
