"""The kinds of panel on the dashboard. Each function fills in what all panels of its kind share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import common as common_builder
from grafana_foundation_sdk.builders import dashboard as dashboard_builder
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATA_SOURCE: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
GOOD, WARNING, BAD, UNKNOWN, NEITHER, PLAIN = "green", "orange", "red", "purple", "blue", "transparent"

Panel = Builder[dashboard.Panel]
Levels = tuple[tuple[float | None, str], ...]
Texts = Mapping[float, tuple[str, str]]

# The lowest step has no value: Grafana paints with it what has no value either. So unknown is never green.
NONE_ALLOWED: Final[Levels] = ((None, UNKNOWN), (0, GOOD), (1, BAD))
NEUTRAL: Final[Levels] = ((None, UNKNOWN), (0, NEITHER))
RATIO_LEVELS: Final[Levels] = ((None, PLAIN), (0, GOOD), (0.8, WARNING), (1, BAD))
SOME_NEEDED: Final[Levels] = ((None, PLAIN), (0, BAD), (1, PLAIN))
YES_NO: Final[Texts] = {1: ("yes", GOOD), 0: ("no", BAD)}


@dataclass(frozen=True)
class Column:
    """A column of a table: the value of one instant query, joined to the others by their labels."""

    title: str
    expression: str
    unit: str = "none"
    levels: Levels = ((None, PLAIN),)
    texts: Texts = field(default_factory=dict)
    no_value: str = "-"


def thresholds(levels: Levels) -> dashboard_builder.ThresholdsConfig:
    """Colours from the value on that stands beside them."""
    steps = [dashboard.Threshold(value=value, color=colour) for value, colour in levels]
    return dashboard_builder.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def value_texts(texts: Texts) -> list[dashboard.ValueMapping]:
    """Words and colours in the place of single values."""
    if not texts:
        return []
    results = {
        f"{value:g}": dashboard.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(texts.items())
    }
    return [dashboard.ValueMap(options=results)]


def coloured_by(mode: dashboard.FieldColorModeId) -> dashboard_builder.FieldColor:
    """How a panel picks its colours."""
    return dashboard_builder.FieldColor().mode(mode)


def query(expression: str, reference: str) -> prometheus.Dataquery:
    """A query of the data source that is chosen on the dashboard."""
    return prometheus.Dataquery().datasource(DATA_SOURCE).ref_id(reference).expr(expression)


def stat_panel(
    title: str,
    description: str,
    expression: str,
    *,
    levels: Levels = NONE_ALLOWED,
    texts: Texts | None = None,
    unit: str = "none",
    legend: str | None = None,
    no_value: str = "unknown",
    span: int = 3,
) -> Panel:
    """One number as it is now. With a `legend` the panel shows that in the number's place."""
    mode = common.BigValueTextMode.NAME if legend else common.BigValueTextMode.VALUE
    target = query(expression, "A").instant().legend_format(legend or "__auto")
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(4)
        .span(span)
        .unit(unit)
        .no_value(no_value)
        .thresholds(thresholds(levels))
        .mappings(value_texts(texts or {}))
        .color_scheme(coloured_by(dashboard.FieldColorModeId.THRESHOLDS))
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(mode)
        .reduce_options(common_builder.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
        .with_target(target)
    )


def timeseries_panel(
    title: str,
    description: str,
    lines: Mapping[str, str],
    *,
    unit: str,
    no_value: str,
    levels: Levels | None = None,
    dashed: str | None = None,
    stacked: bool = False,
    span: int = 12,
) -> Panel:
    """Lines over time, from legend to query. `levels` are drawn as areas, lines with the legend `dashed` dashed.

    Gaps stay gaps: no line is drawn over an hour in which a project was blind.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(9)
        .span(span)
        .unit(unit)
        .min(0)
        .no_value(no_value)
        .color_scheme(coloured_by(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .span_nulls(span_nulls=False)
        .show_points(common.VisibilityMode.AUTO)
        .fill_opacity(20 if stacked else 0)
        .legend(
            common_builder.VizLegendOptions()
            .show_legend(show_legend=True)
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
            .sort_by("Last *")
            .sort_desc(sort_desc=True)
        )
        .tooltip(
            common_builder.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel.stacking(common_builder.StackingConfig().mode(common.StackingMode.NORMAL))
    if levels:
        panel.thresholds(thresholds(levels))
        panel.thresholds_style(common_builder.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.AREA))
    if dashed:
        style = dashboard.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [10, 10]})
        panel.override_by_regexp(f"/^{dashed}/", [style])
    for reference, (legend, expression) in zip(ascii_uppercase, lines.items(), strict=False):
        panel.with_target(query(expression, reference).range().legend_format(legend))
    return panel


def timeline_panel(
    title: str, description: str, lines: Mapping[str, str], *, texts: Texts, no_value: str, span: int = 12
) -> Panel:
    """States over time as bars, from legend to query; `texts` name the states."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(9)
        .span(span)
        .unit("none")
        .no_value(no_value)
        .mappings(value_texts(texts))
        .color_scheme(coloured_by(dashboard.FieldColorModeId.THRESHOLDS))
        .thresholds(thresholds(((None, UNKNOWN),)))
        .show_value(common.VisibilityMode.NEVER)
        .merge_values(merge_values=True)
        .per_page(20)
        .legend(common_builder.VizLegendOptions().show_legend(show_legend=True))
    )
    for reference, (legend, expression) in zip(ascii_uppercase, lines.items(), strict=False):
        panel.with_target(query(expression, reference).range().legend_format(legend))
    return panel


def table_panel(
    title: str,
    description: str,
    labels: Mapping[str, str],
    columns: Sequence[Column],
    *,
    sort_by: str,
    descending: bool,
    no_value: str,
    height: int = 10,
) -> Panel:
    """A row for each set of label values, as it is now: first the labels under their titles, then the columns."""
    references = ascii_uppercase[: len(columns)]
    fields = ["Value"] if len(columns) == 1 else [f"Value #{reference}" for reference in references]
    titles = {**labels, **dict(zip(fields, (column.title for column in columns), strict=True))}
    order = {name: index for index, name in enumerate(titles)}
    arrange = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": titles}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(height)
        .span(24)
        .unit("none")
        .no_value(no_value)
        .filterable(filterable=True)
        .cell_height(common.TableCellHeight.SM)
        .with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=arrange))
        .sort_by([common_builder.TableSortByFieldState().display_name(sort_by).desc(descending)])
    )
    for reference, column in zip(references, columns, strict=True):
        panel.with_target(query(column.expression, reference).instant().format(PromQueryFormat.TABLE))
        panel.override_by_name(column.title, _column_properties(column))
    return panel


def _column_properties(column: Column) -> list[dashboard.DynamicConfigValue]:
    properties: dict[str, object] = {
        "unit": column.unit,
        "noValue": column.no_value,
        "thresholds": thresholds(column.levels).build(),
        "mappings": value_texts(column.texts),
    }
    if column.texts or len(column.levels) > 1:
        background = common.TableColoredBackgroundCellOptions(mode=common.TableCellBackgroundDisplayMode.BASIC)
        properties["custom.cellOptions"] = background
    return [dashboard.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]
