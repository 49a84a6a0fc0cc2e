"""What the log says of one project: a line when something begins to fail, and one when it works again."""

from collections.abc import Iterable, Sequence

import structlog

from ges_exporter.advice import advice
from ges_exporter.coverage import Expectation, idle_rules
from ges_exporter.errors import CallRefused, CloudError, ExporterError, printable
from ges_exporter.wire import Unreadable

_MOST_RECORDS = 10

_log = structlog.get_logger()


class Diary:
    """Remembers of one project what has been said; used by the one listing that is under way."""

    def __init__(self, project: str, expectations: Sequence[Expectation]) -> None:
        self._log = _log.bind(project=project)
        self._failing: set[str] = set()
        self._records: dict[str, frozenset[Unreadable]] = {}
        self._unproven_rules = list(expectations)

    def note(self, what: str, error: ExporterError | None) -> None:
        """Say that something such as "backups" begins to fail, or that it works again."""
        if error is None:
            if what in self._failing:
                self._failing.discard(what)
                self._log.info(f"{what} can be listed again")
        elif what not in self._failing:
            self._failing.add(what)
            self._log.warning(f"{what} cannot be listed", **_details(error))

    def note_records(self, kind: str, unreadable: Iterable[Unreadable]) -> None:
        """Name each record of a kind, "backup" or "graph", that cannot be read, once for as long as it is there."""
        records = frozenset(unreadable)
        new = sorted(records - self._records.get(kind, frozenset()), key=lambda record: (record.id, record.reason))
        self._records[kind] = records
        for record in new[:_MOST_RECORDS]:
            self._log.warning(f"{kind} record cannot be read", id=printable(record.id), reason=printable(record.reason))
        if len(new) > _MOST_RECORDS:
            self._log.warning(f"more {kind} records cannot be read", records=len(new) - _MOST_RECORDS)

    def note_graphs(self, names: Iterable[str]) -> None:
        """Name, once, each rule of the config that matches no graph: it is probably a typing mistake."""
        for rule in idle_rules(self._unproven_rules, names):
            self._log.warning("an expectation matches no graph: is it spelled right?", graph=rule.graph.pattern)
        self._unproven_rules = []


def _details(error: ExporterError) -> dict[str, object]:
    if not isinstance(error, CloudError):
        return {"reason": str(error)}
    details: dict[str, object] = {"operation": error.operation}
    if isinstance(error, CallRefused):
        details |= {
            "status": error.status,
            "code": error.error_code,
            "message": error.error_message,
            "request_id": error.request_id,
        }
    else:
        details["reason"] = error.reason
    todo = advice(error)
    return {key: value for key, value in {**details, "todo": todo}.items() if value != ""}
