"""The Backup record, and what a group of backups amounts to. Pure: records in, figures out.

"Newest" is by the end, by the start where there is no end, then by the greater id compared as text.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

SUCCESS = "success"
FAILED = "failed"
IN_PROGRESS = "backing_up"
IMPORT = "import"


class Backup(msgspec.Struct, frozen=True, gc=False):
    """One backup, as the list of backups tells of it.

    Attributes:
        id: unique among the backups of a project.
        graph_id: the graph it is of; empty where the record names none.
        graph_name: that graph's name when the record was made.
        method: auto, manual, import (v2), or what the API may add.
        arch: the graph's CPU architecture, such as x86_64; may be empty.
        status: success, failed, backing_up, or what the API may add.
        start: seconds since 1970-01-01 UTC.
        end: seconds since 1970-01-01 UTC, or None where unknown.
        size: MB as the API reports them, or None where unknown.
        duration: seconds, or None where unknown. It need not equal end - start.
        encrypted: whether the backup is encrypted.
        graph_status: the graph's status code; 400 is deleted.
        graph_size_type_index: the graph's size class; "0" is the one without automatic backups.
        data_store_version: the graph's version.
    """

    id: str
    graph_id: str
    graph_name: str
    method: str
    arch: str
    status: str
    start: float
    end: float | None
    size: float | None
    duration: float | None
    encrypted: bool
    graph_status: str
    graph_size_type_index: str
    data_store_version: str


class Group(msgspec.Struct, frozen=True, order=True):
    """One combination of the labels of the user's dashboards."""

    graph_name: str
    method: str
    arch: str


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """What the backups of one group amount to.

    Attributes:
        total: backups, whatever their status.
        successful: those with status success.
        failed: those with status failed.
        in_progress: those with status backing_up.
        encrypted: those that are encrypted, whatever their status.
        size: sum over the successful ones, in MB; one of unknown size adds nothing.
        duration: sum over the successful ones, in seconds; one of unknown duration adds nothing.
        last_success: the newest successful one.
        oldest_success: the oldest successful one.
        last_failure: the newest failed one.
        last_attempt: the newest one that succeeded or failed.
        oldest_in_progress: the one that has been in progress for the longest time.
    """

    total: int
    successful: int
    failed: int
    in_progress: int
    encrypted: int
    size: float
    duration: float
    last_success: Backup | None
    oldest_success: Backup | None
    last_failure: Backup | None
    last_attempt: Backup | None
    oldest_in_progress: Backup | None


def recency(backup: Backup) -> tuple[float, str]:
    """Return the key by which a newer backup sorts after an older one."""
    return (backup.start if backup.end is None else backup.end, backup.id)


def amount_to(backups: Sequence[Backup]) -> GroupSummary:
    """Return what the backups of one group amount to."""
    successful = [backup for backup in backups if backup.status == SUCCESS]
    failed = [backup for backup in backups if backup.status == FAILED]
    in_progress = [backup for backup in backups if backup.status == IN_PROGRESS]
    return GroupSummary(
        total=len(backups),
        successful=len(successful),
        failed=len(failed),
        in_progress=len(in_progress),
        encrypted=sum(backup.encrypted for backup in backups),
        size=sum(backup.size or 0 for backup in successful),
        duration=sum(backup.duration or 0 for backup in successful),
        last_success=max(successful, key=recency, default=None),
        oldest_success=min(successful, key=recency, default=None),
        last_failure=max(failed, key=recency, default=None),
        last_attempt=max(successful + failed, key=recency, default=None),
        oldest_in_progress=min(in_progress, key=lambda backup: (backup.start, backup.id), default=None),
    )


def graph_names(backups: Iterable[Backup]) -> dict[str, str]:
    """Return the one name of each graphId: that of its newest record, for a graph can be renamed."""
    newest: dict[str, Backup] = {}
    for backup in backups:
        known = newest.get(backup.graph_id)
        if known is None or recency(backup) > recency(known):
            newest[backup.graph_id] = backup
    return {graph_id: backup.graph_name for graph_id, backup in newest.items() if graph_id}


def group(backups: Iterable[Backup], names: Mapping[str, str]) -> dict[Group, GroupSummary]:
    """Sort backups into groups and say what each amounts to.

    Args:
        backups: every backup of a project, once.
        names: the name of each graphId; a backup whose graphId is not in it goes by the name in its record.

    Returns:
        The groups in the order of their labels.
    """
    members: defaultdict[Group, list[Backup]] = defaultdict(list)
    for backup in backups:
        name = names.get(backup.graph_id, backup.graph_name)
        members[Group(name, backup.method, backup.arch)].append(backup)
    return {key: amount_to(members[key]) for key in sorted(members)}
