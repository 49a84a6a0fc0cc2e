"""HTTP routes and answers. Health and the status page never ask the cloud; a slow scrape delays neither."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import structlog
from prometheus_client.metrics_core import Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ges_exporter import __version__
from ges_exporter.advice import in_words
from ges_exporter.crew import Crew
from ges_exporter.errors import ConfigError
from ges_exporter.exposition import expose
from ges_exporter.metrics import project_families
from ges_exporter.scrape import Scraper, budget
from ges_exporter.target import Target
from ges_exporter.telemetry import Telemetry

SCRAPE_THREADS = 40

_TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_log = structlog.get_logger()


class Exporter:
    """What is served: the scraper of the config in use, and the exporter's own metrics."""

    def __init__(self, read_config: Callable[[], Scraper], telemetry: Telemetry) -> None:
        """Read the config for the first time.

        Args:
            read_config: makes a scraper of the config; raises ConfigError.
            telemetry: the exporter's own metrics.

        Raises:
            ConfigError: the config cannot be used.
        """
        self._read_config = read_config
        self.telemetry = telemetry
        self._reloading = threading.Lock()
        self.scraper = read_config()
        telemetry.reloaded(successful=True, now=time.time())

    def reload(self) -> ConfigError | None:
        """Read the config again; return what is wrong with it, and then keep the one in use."""
        with self._reloading:
            try:
                self.scraper = self._read_config()
            except ConfigError as error:
                self.telemetry.reloaded(successful=False, now=time.time())
                for mistake in error.mistakes:
                    _log.error("config cannot be used, the last one stays", file=error.file, mistake=mistake)
                return error
            self.telemetry.reloaded(successful=True, now=time.time())
            _log.info("config was read again", projects=len(self.scraper.targets))
            return None


class _Pages:
    """The answers to each path."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._scrapes = Crew("scrape", SCRAPE_THREADS)
        self._rendering = 0.0  # seconds that the last scrape's rendering took: the next one has to leave as many

    async def metrics(self, request: Request) -> Response:
        """All projects and the exporter itself."""
        return await self._scrape(request, None, self._exporter.telemetry.families)

    async def probe(self, request: Request) -> Response:
        """One project, nothing of the exporter."""
        names = request.query_params.getlist("target")
        if len(names) != 1 or not names[0]:
            return PlainTextResponse("give one target: /probe?target=NAME, a project of the config\n", 400)
        target = self._exporter.scraper.target(names[0])
        if target is None:
            return PlainTextResponse("no such target: /targets lists the projects of the config\n", 404)
        return await self._scrape(request, [target], tuple)

    async def targets(self, request: Request) -> Response:
        """For Prometheus's HTTP service discovery."""
        host = request.headers.get("Host", "")
        labels = [
            {"__metrics_path__": "/probe", "__param_target": target.name} for target in self._exporter.scraper.targets
        ]
        return JSONResponse([{"targets": [host], "labels": each} for each in labels])

    async def healthy(self, _: Request) -> Response:
        """Answer for as long as the process can."""
        return PlainTextResponse("ges-exporter is healthy\n")

    async def ready(self, _: Request) -> Response:
        """Answer once the config is read: there is nothing else to wait for."""
        return PlainTextResponse("ges-exporter is ready\n")

    async def reload(self, _: Request) -> Response:
        """Read the config again."""
        error = await asyncio.wrap_future(self._scrapes.submit(self._exporter.reload))
        return PlainTextResponse("config was read again\n") if error is None else PlainTextResponse(f"{error}\n", 500)

    async def status(self, _: Request) -> Response:
        """For people."""
        template = _TEMPLATES.get_template("status.html")
        page = template.render(version=__version__, projects=_projects(self._exporter.scraper))
        return Response(page, media_type="text/html", headers=_PAGE_HEADERS)

    async def _scrape(
        self, request: Request, targets: Sequence[Target] | None, extra: Callable[[], Iterable[Metric]]
    ) -> Response:
        scraper = self._exporter.scraper
        most = scraper.config.scrape.timeout_seconds
        arrived = time.monotonic()
        seconds = budget(request.headers.get(_TIMEOUT_HEADER), self._rendering, most)

        def work() -> Response:
            left = max(0.0, seconds - (time.monotonic() - arrived))  # a thread may have had to be waited for
            snapshots = scraper.collect(left, targets)
            begun = time.monotonic()
            body, headers = expose(
                [*project_families(snapshots), *extra()],
                ",".join(request.headers.getlist("Accept")),
                ",".join(request.headers.getlist("Accept-Encoding")),
            )
            self._rendering = time.monotonic() - begun
            return Response(body, headers=headers)

        try:
            return await asyncio.wrap_future(self._scrapes.submit(work))
        except asyncio.CancelledError:  # the end of the process does not wait for the cloud
            return PlainTextResponse("ges-exporter is ending\n", 503)


def make_app(exporter: Exporter) -> Starlette:
    """Return the application that serves the exporter."""
    pages = _Pages(exporter)
    return Starlette(
        routes=[
            Route("/", pages.status),
            Route("/metrics", pages.metrics),
            Route("/probe", pages.probe),
            Route("/targets", pages.targets),
            Route("/-/healthy", pages.healthy),
            Route("/-/ready", pages.ready),
            Route("/-/reload", pages.reload, methods=["POST"]),
        ]
    )


def _projects(scraper: Scraper) -> list[dict[str, Any]]:
    """Return what the status page shows of each project."""
    rows = []
    for target in scraper.targets:
        last = target.last
        errors = [] if last is None else [error for error in (last.error, last.graphs_error) if error is not None]
        rows.append(
            {
                "name": target.name,
                "endpoint": target.project.endpoint,
                "listed": "" if last is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(last.listed_at)),
                "seconds": "" if last is None else f"{last.duration:.2f} s",
                "backups": "" if last is None or last.summary is None else last.summary.backups,
                "up": None if last is None else last.summary is not None,
                "errors": list(dict.fromkeys(in_words(error) for error in errors)),
            }
        )
    return rows
