"""How GES writes graphs, backups and quotas, in version v1.0 and in v2 of its API."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ges_exporter.demo.history import Backup, Graph

Version = Literal["v1.0", "v2"]
Record = dict[str, Any]

VERSIONS: tuple[Version, ...] = ("v1.0", "v2")

GRAPH_QUOTA = 50
BACKUP_QUOTA = 200

_NULL: Record = {"endTimestamp": None, "endTime": None, "size": None, "duration": None}
_ZERO: Record = {"endTimestamp": 0, "endTime": "", "size": 0, "duration": 0}
_CAPITALS = re.compile(r"(?<=[a-z0-9])([A-Z]+)")


def backup(item: Backup, graph_name_key: str = "graph_name") -> Record:
    """A backup as v1.0 writes it.

    The vendor's page and its sample call the graph's name `graph_name`; older pages and the official SDK say
    `graphName`, hence the argument.

    The vendor's page knows the methods auto and manual; `import` came with v2. Both versions read one store,
    so the same word is written in both, and a client of v1.0 meets a method that its page does not list.
    """
    record: Record = {
        "id": item.id,
        "name": item.name,
        "backupMethod": item.method,
        "graphId": item.graph.id,
        graph_name_key: item.graph.name,
        "graphStatus": item.graph.status,
        "graphSizeTypeIndex": item.graph.size_type_index,
        "dataStoreVersion": item.graph.data_store_version,
        "arch": item.graph.arch,
        "status": item.status,
        "startTimestamp": item.start * 1000,
        "startTime": _utc(item.start),
    }
    if item.end is not None:
        record |= {
            "endTimestamp": item.end * 1000,
            "endTime": _utc(item.end),
            "size": item.size,
            "duration": item.duration,
        }
    elif item.unknown != "missing":
        record |= _NULL if item.unknown == "null" else _ZERO
    record["encrypted"] = item.encrypted
    return record


def graph(item: Graph) -> Record:
    """A graph as v1.0 writes it: without its product type, which only v2 knows."""
    return {
        "id": item.id,
        "name": item.name,
        "createdBy": "made-up",
        "isMultiAz": "false",
        "regionCode": "cn-north-4",
        "azCode": "cn-north-4a",
        "dataStoreVersion": item.data_store_version,
        "sys_tags": [],
        "status": item.status,
        "graphSizeTypeIndex": item.size_type_index,
        "vpcId": "2c6f1a3e-5c0e-4b3c-9a55-0a5d6d0f3b11",
        "subnetId": "5d6e2b4f-7a1d-4c2e-8b66-1b6e7e1a4c22",
        "securityGroupId": "8e7f3c5a-9b2e-4d1f-9c77-2c7f8f2b5d33",
        "replication": 1,
        "created": _utc(item.created),
        "updated": _utc(item.created),
        "privateIp": "192.168.0.20",
        "arch": item.arch,
        "encrypted": item.encrypted,
    }


def snake_case(record: Record) -> Record:
    """A v1.0 record with the keys of v2."""
    return {snake_case_key(key): value for key, value in record.items()}


def snake_case_key(key: str) -> str:
    """The v2 spelling of a v1.0 key: `graphSizeTypeIndex` gives `graph_size_type_index`."""
    return _CAPITALS.sub(r"_\1", key).lower()


def quotas(graph_count: int, backup_count: int) -> Record:
    """How many more graphs and backups may be made."""
    resources = [
        {"type": "graph", "available": max(0, GRAPH_QUOTA - graph_count)},
        {"type": "backup", "available": max(0, BACKUP_QUOTA - backup_count)},
    ]
    return {"quotas": {"resources": resources}}


def _utc(seconds: int) -> str:
    """UTC without a zone, as the vendor's sample writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
