"""The rows on what is stored: sizes, durations and counts."""

from monitoring.grafana import queries
from monitoring.grafana.panels import (
    BAD,
    PLAIN,
    SOME_NEEDED,
    Column,
    Panel,
    table_panel,
    timeseries_panel,
)

NOTHING_LISTED = "no backup is listed, or every project is blind"
MEGABYTES = " MB is the API's own unit; whether it is 10^6 or 2^20 bytes is not documented, so nothing is converted."
GROUP = "{{graph_name}} {{backupMethod}} {{project}}"

SIZES_AND_DURATIONS: list[Panel] = [
    timeseries_panel(
        "Share of allowed age",
        "Age of the newest successful backup of each graph against the age it may have. A healthy graph draws a "
        "saw that stays below 100 %.",
        {"{{graph_name}} {{project}}": f"(time() - {queries.LAST_SUCCESS}) / {queries.MAX_AGE}"},
        unit="percentunit",
        no_value="no graph has a policy and a success, or every project is blind",
        levels=((None, PLAIN), (1, BAD)),
    ),
    timeseries_panel(
        "Backups in progress since",
        "How long the oldest backup in progress has been running.",
        {GROUP: queries.RUNNING_SECONDS},
        unit="s",
        no_value="no backup is in progress, or every project is blind",
        levels=((None, PLAIN), (queries.STUCK_AFTER_SECONDS, BAD)),
    ),
    timeseries_panel(
        "Size of the newest successful backup",
        "A backup much smaller than the one before may have lost data." + MEGABYTES,
        {GROUP: queries.by_name("ges_backup_last_success_size_megabytes")},
        unit="suffix:MB",
        no_value=NOTHING_LISTED,
    ),
    timeseries_panel(
        "Size of all successful backups",
        "What is stored, backups kept of deleted graphs included." + MEGABYTES,
        {GROUP: queries.by_name("ges_backups_size_megabytes")},
        unit="suffix:MB",
        no_value=NOTHING_LISTED,
        stacked=True,
    ),
    timeseries_panel(
        "Duration of the newest successful backup",
        "As the API tells it; 0 is normal for automatic backups.",
        {GROUP: queries.by_name("ges_backup_last_success_duration_seconds")},
        unit="s",
        no_value=NOTHING_LISTED,
    ),
    timeseries_panel(
        "Mean duration of the successful backups",
        "Over all successful backups that are still listed; 0 is normal for automatic ones.",
        {GROUP: queries.mean_duration()},
        unit="s",
        no_value=NOTHING_LISTED,
    ),
]

COUNTS: list[Panel] = [
    timeseries_panel(
        "Backups by status",
        "All listed backups. Other: a status that the API does not document.",
        {
            "successful": queries.total("ges_backups_successful"),
            "failed": queries.total("ges_backups_failed"),
            "in progress": queries.total("ges_backups_in_progress"),
            "other": queries.other_statuses(),
        },
        unit="none",
        no_value=NOTHING_LISTED,
        stacked=True,
        span=8,
    ),
    timeseries_panel(
        "Backups by method",
        "All listed backups, whatever their status.",
        {"{{backupMethod}}": queries.total("ges_backups", "backupMethod")},
        unit="none",
        no_value=NOTHING_LISTED,
        stacked=True,
        span=8,
    ),
    timeseries_panel(
        "Graphs by status",
        "All listed graphs. 100 preparing, 200 running, 201 to 208, 210 and 211 busy, 300 faulty, 303 creation "
        "failed, 400 deleted, 800 frozen, 900 stopped, 901 stopping, 920 starting.",
        {
            "{{graphStatus}}": "sum by (graphStatus) (max by (project, graphStatus) (ges_graphs{"
            + queries.PROJECT
            + "}))"
        },
        unit="none",
        no_value="the graphs are not listed, there are none, or every project is blind",
        stacked=True,
        span=8,
    ),
    table_panel(
        "Backups by graph and method",
        "All listed backups, those kept of deleted graphs included." + MEGABYTES,
        {"project": "Project", "graph_name": "Graph", "backupMethod": "Method", "arch": "Architecture"},
        [
            Column("Backups", queries.by_group("ges_backups")),
            Column("Successful", queries.by_group("ges_backups_successful"), levels=SOME_NEEDED),
            Column("Failed", queries.by_group("ges_backups_failed"), levels=((None, PLAIN), (1, BAD))),
            Column("In progress", queries.by_group("ges_backups_in_progress")),
            Column("Encrypted", queries.by_group("ges_backups_encrypted")),
            Column("Size", queries.by_group("ges_backups_size_megabytes"), unit="suffix:MB"),
            Column(
                "Newest failure ago",
                f"time() - {queries.by_group('ges_backup_last_failure_timestamp_seconds')}",
                unit="s",
                no_value="none listed",
            ),
        ],
        sort_by="Failed",
        descending=True,
        no_value=NOTHING_LISTED,
    ),
]
