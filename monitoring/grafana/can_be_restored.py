"""The first row: can every graph be restored, and to how recent a state."""

from monitoring.grafana import queries
from monitoring.grafana.panels import (
    BAD,
    GOOD,
    NEUTRAL,
    PLAIN,
    RATIO_LEVELS,
    SOME_NEEDED,
    Column,
    Panel,
    stat_panel,
    table_panel,
)

BLIND = " Unknown while a project is blind and none is found elsewhere."

CAN_BE_RESTORED: list[Panel] = [
    stat_panel(
        "Projects blind",
        "Projects whose backups could not be listed. Nothing is known of their graphs now, and no number on this "
        "dashboard speaks of them. A project that vanished within the last day counts too.",
        f"sum(1 - {queries.SEEN_PROJECTS})",
    ),
    stat_panel(
        "Targets down",
        "Targets of the job ges-exporter that Prometheus cannot scrape. Unknown where there is no such job.",
        'sum(1 - up{job="ges-exporter"})',
    ),
    stat_panel(
        "Out of policy",
        "Graphs whose newest successful backup is older than they are expected to have, or of unknown age. "
        "Imported backups do not count as fresh." + BLIND,
        queries.count(queries.OUT_OF_POLICY),
    ),
    stat_panel(
        "Never backed up",
        "Graphs older than the age their backups may have, without a single successful one. Unknown where the "
        "graphs of a project are not listed, because only that list tells of them." + BLIND,
        queries.count(queries.NEVER_BACKED_UP, queries.ALL_GRAPHS_SEEN),
    ),
    stat_panel(
        "Failing",
        "Existing graphs of which the newest finished backup of some method failed." + BLIND,
        queries.count(queries.FAILING),
    ),
    stat_panel(
        "Stuck",
        "Existing graphs with a backup in progress for over 4 hours, or for over 1 hour and 4 times as long as "
        "the last successful one took." + BLIND,
        queries.count(queries.STUCK),
    ),
    stat_panel(
        "Within policy",
        "Graphs whose newest successful backup is as young as they are expected to have. A graph that has none "
        "yet belongs here while it is itself younger than that." + BLIND,
        queries.count(queries.WITHIN_POLICY),
        levels=NEUTRAL,
    ),
    stat_panel(
        "Without policy",
        "Existing graphs that no expectation applies to: by a rule, or because GES does not back them up by "
        "itself. Nobody is told when their backups grow old." + BLIND,
        queries.count(queries.NO_POLICY, queries.ALL_GRAPHS_SEEN),
        levels=NEUTRAL,
    ),
    table_panel(
        "Graphs, worst first",
        "Every existing graph. 100 % of the allowed age means that its newest successful backup is just as old "
        "as it may be; where there is none yet, the age of the graph itself is taken. How far back one can "
        "restore is known by name only, so it is left out where two graphs have had one name.",
        {"project": "Project", "graph_name": "Graph", "graphId": "Graph ID"},
        [
            Column(
                "State",
                queries.STATE,
                texts={
                    0: ("within policy", GOOD),
                    1: ("out of policy", BAD),
                    2: ("never backed up", BAD),
                    3: ("no policy", PLAIN),
                },
            ),
            Column("Newest success ago", queries.AGE, unit="s", no_value="none known"),
            Column("Allowed age", queries.MAX_AGE, unit="s", no_value="any"),
            Column("Share of allowed age", queries.AGE_RATIO, unit="percentunit", levels=RATIO_LEVELS),
            Column(
                "Successful backups",
                f"{queries.SUCCESSES} and {queries.EXISTING}",
                levels=SOME_NEEDED,
            ),
            Column("Restores reach back", queries.REACHES_BACK, unit="s", no_value="not known"),
        ],
        sort_by="Share of allowed age",
        descending=True,
        no_value="no graph is known: there is none, or every project is blind",
    ),
    table_panel(
        "Alerts",
        "Alerts of ges-exporter that are pending or firing in this Prometheus.",
        {
            "alertstate": "State",
            "severity": "Severity",
            "alertname": "Alert",
            "project": "Project",
            "graph_name": "Graph",
            "graphId": "Graph ID",
            "backupMethod": "Method",
        },
        [
            Column(
                "Alerts",
                "count by (alertstate, severity, alertname, project, graph_name, graphId, backupMethod) "
                # Alerts on the exporter itself have no project, and show whichever is chosen.
                '(ALERTS{alertname=~"GES.*",project=~`|${project:regex}`})',
            )
        ],
        sort_by="State",
        descending=False,
        no_value="no alert is pending or firing, or the rules are not loaded",
        height=6,
    ),
]
