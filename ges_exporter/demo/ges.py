"""The made-up GES behind its gateway: lists of graphs and backups, page by page, and quotas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from ges_exporter.demo import wire
from ges_exporter.demo.history import World, history
from ges_exporter.demo.refusals import incorrect_parameter, not_authenticated, wrong_project

if TYPE_CHECKING:
    from starlette.requests import Request

    from ges_exporter.demo.keys import Keys
    from ges_exporter.demo.tokens import Tokens
    from ges_exporter.demo.wire import Record, Version

DEFAULT_LIMIT = 10

Source = Callable[[str, float], Sequence[dict[str, Any]]]
Shape = Callable[[Any], "Record"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How the made-up GES behaves; the attributes are explained where they are given, at `MadeUpCloud`."""

    seed: int
    started: float
    projects: tuple[str, ...]
    clock: Callable[[], float]
    page_latency: float
    default_limit: int
    max_page: int | None
    refuse_limit_above: int | None
    graph_name_key: str
    backups: Source | None
    graphs: Source | None


class Ges:
    """The GES API in both of its versions."""

    def __init__(self, options: Options, tokens: Tokens, keys: Keys) -> None:
        self._options = options
        self._tokens = tokens
        self._keys = keys
        # The history changes with whole seconds only, and many pages are asked for within one.
        self._history = lru_cache(maxsize=512)(history)

    def routes(self) -> list[Route]:
        """What is published at the gateway."""
        return [
            route
            for version in wire.VERSIONS
            for route in (
                Route(f"/{version}/{{project_id}}/graphs/backups", self._endpoint(self._backups, version)),
                Route(f"/{version}/{{project_id}}/graphs/quotas", self._endpoint(self._quotas, version)),
                Route(f"/{version}/{{project_id}}/graphs", self._endpoint(self._graphs, version)),
            )
        ]

    def _endpoint(self, answer: Callable[[Request, Version], Record], version: Version) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if self._options.page_latency:
                await asyncio.sleep(self._options.page_latency)
            self._admit(request)
            return Response(msgspec.json.encode(answer(request, version)), media_type="application/json")

        return endpoint

    def _admit(self, request: Request) -> None:
        project_id = request.path_params["project_id"]
        headers = request.headers
        if "x-auth-token" in headers:
            scope = self._tokens.project_of(headers["x-auth-token"])
        elif "authorization" in headers:
            self._keys.check(
                method=request.method,
                path=request.scope["raw_path"].decode("ascii"),
                query=tuple(parse_qsl(request.url.query, keep_blank_values=True)),
                headers=headers,
            )
            scope = headers.get("x-project-id", project_id)
        else:
            raise not_authenticated("x-auth-token not found")
        if scope != project_id or project_id not in self._options.projects:
            raise wrong_project()

    def _world(self, project_id: str) -> World:
        options = self._options
        # Each project has a history of its own.
        seed = options.seed + options.projects.index(project_id)
        return self._history(seed, options.started, int(options.clock()))

    def _backups(self, request: Request, version: Version) -> Record:
        records, shape = self._all_backups(request.path_params["project_id"], version)
        count, items = ("backup_count", "backup_list") if version == "v2" else ("backupCount", "backupList")
        return {count: len(records), items: self._page(request, version, records, shape)}

    def _graphs(self, request: Request, version: Version) -> Record:
        records, shape = self._all_graphs(request.path_params["project_id"], version)
        count = "graph_count" if version == "v2" else "graphCount"
        return {count: len(records), "graphs": self._page(request, version, records, shape)}

    def _quotas(self, request: Request, version: Version) -> Record:
        project_id = request.path_params["project_id"]
        graphs, _ = self._all_graphs(project_id, version)
        backups, _ = self._all_backups(project_id, version)
        return wire.quotas(len(graphs), len(backups))

    def _all_backups(self, project_id: str, version: Version) -> tuple[Sequence[Any], Shape]:
        """Every backup, and what writes one of them down."""
        given = self._options.backups
        if given is not None:
            return given(project_id, self._options.clock()), _given_shape(version)
        key = self._options.graph_name_key
        shape: Shape = _backup_v2 if version == "v2" else lambda backup: wire.backup(backup, graph_name_key=key)
        return self._world(project_id).backups, shape

    def _all_graphs(self, project_id: str, version: Version) -> tuple[Sequence[Any], Shape]:
        given = self._options.graphs
        if given is not None:
            return given(project_id, self._options.clock()), _given_shape(version)
        return self._world(project_id).graphs, _graph_v2 if version == "v2" else wire.graph

    def _page(self, request: Request, version: Version, records: Sequence[Any], shape: Shape) -> list[Record]:
        offset = _number(request, "offset", 0, least=0, version=version)
        limit = _number(request, "limit", self._options.default_limit, least=1, version=version)
        refused = self._options.refuse_limit_above
        if refused is not None and limit > refused:
            raise incorrect_parameter(version, "limit")
        if self._options.max_page is not None:
            limit = min(limit, self._options.max_page)
        return [shape(record) for record in records[offset : offset + limit]]


def _number(request: Request, name: str, default: int, *, least: int, version: Version) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    # isdecimal alone would let other scripts' digits through.
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):  # noqa: PLR2004
        raise incorrect_parameter(version, name)
    return int(text)


def _given_shape(version: Version) -> Shape:
    return wire.snake_case if version == "v2" else lambda record: record


def _backup_v2(backup: Any) -> Record:
    return wire.snake_case(wire.backup(backup))


def _graph_v2(graph: Any) -> Record:
    return wire.snake_case(wire.graph(graph)) | {"product_type": graph.product_type}
