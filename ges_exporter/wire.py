"""The shape of the cloud's lists: both versions of the API in, records out. No other room knows a field's spelling.

v1.0 writes camelCase but for `graph_name` (older pages and the SDK say `graphName`: both are taken); v2 writes
snake_case. Unknown keys are ignored.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import msgspec

from ges_exporter.backups import Backup
from ges_exporter.coverage import Graph
from ges_exporter.envelope import Fields, WrongShapeError, text_in
from ges_exporter.loose import Number, Text, count_in, created, number, required, start, text, time

R = TypeVar("R")
S = TypeVar("S", bound=msgspec.Struct)

_RECORD_WEIGHT = 256  # what a record of usual texts takes once its repeated ones are shared
_KEYS_WEIGHT = 512  # how much longer such a record is on the wire


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that could not be read.

    Attributes:
        id: its id; empty where that could not be read either.
        reason: what is wrong with it, in words.
    """

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of a list.

    Attributes:
        count: how many items the whole list has, as the page says.
        items: the page's items in their order.
        weight: about how many bytes of memory they take.
    """

    count: int
    items: Sequence[R | Unreadable]
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Wire:
    """One version of the API.

    Attributes:
        version: as it stands in the config and in the path.
        backups: makes a reader for the pages of one list of backups.
        graphs: makes a reader for the pages of one list of graphs.
    """

    version: str
    backups: Callable[[], Callable[[Fields], Page[Backup]]]
    graphs: Callable[[], Callable[[Fields], Page[Graph]]]

    def path(self, project_id: str, resource: str) -> str:
        """Return the path of a resource such as `graphs/backups`."""
        return f"/{self.version}/{project_id}/{resource}"


class _BackupRecord(msgspec.Struct):
    """A backup as v2 writes it."""

    id: Text = None
    graph_id: Text = None
    graph_name: Text = None
    backup_method: Text = None
    arch: Text = None
    status: Text = None
    start_timestamp: Number = None
    end_timestamp: Number = None
    size: Number = None
    duration: Number = None
    encrypted: bool | str | None = None
    graph_status: Text = None
    graph_size_type_index: Text = None
    data_store_version: Text = None

    graph_name_in_camel_case: Text = msgspec.field(default=None, name="graphName")


class _GraphRecord(msgspec.Struct):
    """A graph as v2 writes it."""

    id: Text = None
    name: Text = None
    status: Text = None
    graph_size_type_index: Text = None
    data_store_version: Text = None
    arch: Text = None
    product_type: Text = None
    created: Number = None  # a date and time as text; anything else is unknown


def _in_camel_case(shape: type[S], *, but: str = "") -> type[S]:
    """Return the shape with its fields spelled as v1.0 spells them; `but` is the field that v1.0 leaves alone."""
    fields = [
        (field.name, field.type, msgspec.field(default=None, name=_camel_case(field.name)))
        for field in msgspec.structs.fields(shape)
        if field.name == field.encode_name != but
    ]
    spelled = msgspec.defstruct(f"{shape.__name__}V1", fields, bases=(shape,))
    return cast("type[S]", spelled)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class _Resource(msgspec.Struct):
    type: str
    available: float | str


class _Quotas(msgspec.Struct):
    resources: list[_Resource]


def read_quota(fields: Fields) -> float:
    """Return how many more backups the quota allows.

    Raises:
        WrongShapeError: the answer does not say.
    """
    try:
        quotas = msgspec.json.decode(fields.get("quotas", msgspec.Raw(b"null")), type=_Quotas)
        available = next(float(resource.available) for resource in quotas.resources if resource.type == "backup")
    except (msgspec.DecodeError, RecursionError, StopIteration, ValueError):
        raise WrongShapeError("there is no quota of type backup") from None
    if not math.isfinite(available):
        raise WrongShapeError("the quota of type backup is not a number")
    return available


def _page_reader(count_key: str, list_key: str, read: Callable[[msgspec.Raw], R]) -> Callable[[Fields], Page[R]]:
    def read_page(fields: Fields) -> Page[R]:
        count = count_in(fields, count_key)
        raw_items = fields.get(list_key, msgspec.Raw(b"null"))
        try:
            items = msgspec.json.decode(raw_items, type=list[msgspec.Raw] | None)
        except (msgspec.DecodeError, RecursionError):
            raise WrongShapeError(f"{list_key} is not a list") from None
        if items is None and count:
            raise WrongShapeError(f"{count_key} is {count} and there is no {list_key}")
        weight = sum(max(_RECORD_WEIGHT, memoryview(item).nbytes - _KEYS_WEIGHT) for item in items or ())
        return Page(count, [_read_item(item, read) for item in items or ()], weight)

    return read_page


def _read_item(item: msgspec.Raw, read: Callable[[msgspec.Raw], R]) -> R | Unreadable:
    try:
        return read(item)
    except (WrongShapeError, msgspec.DecodeError, RecursionError) as error:
        return Unreadable(_id_of(item), "nested too deep" if isinstance(error, RecursionError) else str(error))


def _id_of(item: msgspec.Raw) -> str:
    try:
        return text_in(msgspec.json.decode(item, type=Fields), "id")
    except (msgspec.DecodeError, RecursionError):
        return ""


def _backup_reader(shape: type[_BackupRecord]) -> Callable[[msgspec.Raw], Backup]:
    decode = msgspec.json.Decoder(shape).decode
    spelling = {field.name: field.encode_name for field in msgspec.structs.fields(shape)}

    texts: dict[str, str] = {}  # thousands of records share a few dozen texts: each is kept once

    def shared(text: str) -> str:
        return texts.setdefault(text, text)

    def read(item: msgspec.Raw) -> Backup:
        record = decode(item)
        name = record.graph_name or record.graph_name_in_camel_case
        return Backup(
            id=required(record.id, "id"),
            graph_id=shared(text(record.graph_id)),
            graph_name=shared(required(name, "graph_name")),
            method=shared(required(record.backup_method, spelling["backup_method"])),
            arch=shared(text(record.arch)),
            status=shared(required(record.status, "status")),
            start=start(record.start_timestamp, spelling["start_timestamp"]),
            end=time(record.end_timestamp, spelling["end_timestamp"]),
            size=number(record.size, "size"),
            duration=number(record.duration, "duration"),
            encrypted=record.encrypted is True or str(record.encrypted).lower() == "true",
            graph_status=shared(text(record.graph_status)),
            graph_size_type_index=shared(text(record.graph_size_type_index)),
            data_store_version=shared(text(record.data_store_version)),
        )

    return read


def _graph_reader(shape: type[_GraphRecord]) -> Callable[[msgspec.Raw], Graph]:
    decode = msgspec.json.Decoder(shape).decode

    def read(item: msgspec.Raw) -> Graph:
        record = decode(item)
        return Graph(
            id=required(record.id, "id"),
            name=required(record.name, "name"),
            status=text(record.status),
            size_type_index=text(record.graph_size_type_index),
            data_store_version=text(record.data_store_version),
            arch=text(record.arch),
            product_type=text(record.product_type),
            created=created(record.created),
        )

    return read


_Shapes = tuple[type[_BackupRecord], type[_GraphRecord]]


def _wire(version: str, count_keys: tuple[str, str], backup_list: str, shapes: _Shapes) -> Wire:
    backup_count, graph_count = count_keys
    backup_shape, graph_shape = shapes
    return Wire(
        version,
        lambda: _page_reader(backup_count, backup_list, _backup_reader(backup_shape)),
        lambda: _page_reader(graph_count, "graphs", _graph_reader(graph_shape)),
    )


V2 = _wire("v2", ("backup_count", "graph_count"), "backup_list", (_BackupRecord, _GraphRecord))
V1 = _wire(
    "v1.0",
    ("backupCount", "graphCount"),
    "backupList",
    (_in_camel_case(_BackupRecord, but="graph_name"), _in_camel_case(_GraphRecord)),
)
