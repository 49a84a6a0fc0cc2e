"""The last row: can the numbers of the other rows be believed."""

from monitoring.grafana import queries
from monitoring.grafana.panels import (
    BAD,
    GOOD,
    NEUTRAL,
    PLAIN,
    RATIO_LEVELS,
    UNKNOWN,
    YES_NO,
    Column,
    Panel,
    stat_panel,
    table_panel,
    timeline_panel,
    timeseries_panel,
)

# The legend begins with a word, so that it is not empty where projects have no name.
OF_PROJECT = "project {{project}}"

EXPORTER: list[Panel] = [
    table_panel(
        "Projects, blind first",
        "What the exporter knows of each project. Complete: as many backups were read as the API says there are.",
        {"project": "Project"},
        [
            Column("Backups listed", queries.SEEN_PROJECTS, texts=YES_NO),
            Column("Graphs listed", queries.by_project("ges_graphs_up"), texts=YES_NO, no_value="not asked for"),
            Column("Complete", queries.by_project("ges_listing_complete"), texts=YES_NO, no_value="unknown"),
            Column("Listed ago", f"time() - {queries.by_project('ges_listing_timestamp_seconds')}", unit="s"),
            Column("Backups by the API's count", queries.by_project("ges_backups_reported")),
            Column(
                "Unreadable records",
                queries.by_project("ges_backups_invalid"),
                levels=((None, PLAIN), (1, BAD)),
                no_value="unknown",
            ),
            Column(
                "Share of budget",
                f"{queries.by_project('ges_scrape_duration_seconds')} / "
                f"{queries.by_project('ges_scrape_budget_seconds', 'min')}",
                unit="percentunit",
                levels=RATIO_LEVELS,
            ),
            Column(
                "Token ends in",
                queries.TOKEN_SECONDS_LEFT,
                unit="s",
                levels=((None, PLAIN), (0, BAD), (300, PLAIN)),
                no_value="no token",
            ),
            Column(
                "Backups left in quota",
                queries.by_project("ges_backups_quota_available", "min"),
                no_value="not asked for",
            ),
        ],
        sort_by="Backups listed",
        descending=False,
        no_value="no project is known: the exporter is down or not scraped",
        height=8,
    ),
    timeline_panel(
        "Projects seen",
        "Whether the backups of each project could be listed. A gap: the exporter itself was not there.",
        {OF_PROJECT: queries.by_project("ges_up")},
        texts={1: ("seen", GOOD), 0: ("blind", BAD)},
        no_value="no project is known: the exporter is down or not scraped",
    ),
    timeseries_panel(
        "Scrape duration against budget",
        "What the listing of each project took, and dashed what it was given. At the budget the project turns blind.",
        {
            OF_PROJECT: queries.by_project("ges_scrape_duration_seconds"),
            f"budget of {OF_PROJECT}": queries.by_project("ges_scrape_budget_seconds", "min"),
        },
        unit="s",
        no_value="no project is known: the exporter is down or not scraped",
        dashed="budget",
    ),
    timeseries_panel(
        "Requests by code",
        "Requests to the cloud, tries counted one by one. Every code but 200 and 201 is a failure; 429 is throttling.",
        {
            "{{operation}} {{code}}": "sum by (operation, code) "
            "(rate(ges_exporter_api_requests_total[$__rate_interval]))"
        },
        unit="reqps",
        no_value="no request was made, or the exporter is down",
    ),
    timeseries_panel(
        "Request latency",
        "Time to the end of the answer: half, 95 % and 99 % of the requests took at most this long.",
        {
            "50 % {{operation}}": queries.latency(0.5),
            "95 % {{operation}}": queries.latency(0.95),
            "99 % {{operation}}": queries.latency(0.99),
        },
        unit="s",
        no_value="no request was made, or the exporter is down",
    ),
    timeseries_panel(
        "Time to the end of the token",
        "The token is renewed five minutes before its end. Below that, renewing it fails.",
        {OF_PROJECT: queries.TOKEN_SECONDS_LEFT},
        unit="s",
        no_value="no project uses a token, or the exporter is down",
        levels=((None, BAD), (300, PLAIN)),
    ),
    timeseries_panel(
        "Listings in doubt",
        "Records that could not be read, and listings whose backups are not as many as the API says there are. "
        "A healthy project draws 0.",
        {
            f"unreadable records of {OF_PROJECT}": queries.by_project("ges_backups_invalid"),
            f"incomplete listing of {OF_PROJECT}": f"1 - {queries.by_project('ges_listing_complete')}",
        },
        unit="none",
        no_value="every project is blind, or the exporter is down",
    ),
    stat_panel(
        "Configuration",
        "Whether the last reading of the configuration succeeded. After a failed one the former is still in use.",
        "min(ges_exporter_config_last_reload_successful)",
        levels=((None, UNKNOWN), (0, BAD), (1, GOOD)),
        texts={1: ("in use", GOOD), 0: ("refused", BAD)},
        span=6,
    ),
    stat_panel(
        "Configuration read",
        "Time since the configuration was last read with success.",
        "time() - max(ges_exporter_config_last_reload_success_timestamp_seconds)",
        levels=NEUTRAL,
        unit="s",
        span=6,
    ),
    stat_panel(
        "Version",
        "Version of each exporter that is scraped.",
        "count by (version) (ges_exporter_build_info)",
        levels=NEUTRAL,
        legend="{{version}}",
        span=6,
    ),
    stat_panel(
        "Memory",
        "Memory of the largest exporter process.",
        'max(process_resident_memory_bytes{job="ges-exporter"})',
        levels=NEUTRAL,
        unit="bytes",
        span=6,
    ),
]
