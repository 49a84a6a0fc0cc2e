"""What the exporter counts of itself: the one place of the package with metrics that live from scrape to scrape."""

import platform

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from ges_exporter import __version__

_LATENCY_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)


class Telemetry:
    """The exporter's own metrics, in a registry of their own: the global one would collect at registration."""

    def __init__(self) -> None:
        # a second series for each counter that no dashboard reads
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._build_info = Gauge(
            "ges_exporter_build_info",
            "The exporter's version and the Python it runs on; the value is always 1.",
            ["version", "python_version"],
            registry=self.registry,
        )
        self._build_info.labels(__version__, platform.python_version()).set(1)
        self._requests = Counter(
            "ges_exporter_api_requests_total",
            "Requests sent to the cloud, each retry counted: by operation and by HTTP status or what happened instead "
            "(timeout, connection, malformed, too_large).",
            ["operation", "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "ges_exporter_api_request_duration_seconds",
            "How long requests to the cloud took until the whole answer was there, or until they failed.",
            ["operation"],
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._reload_successful = Gauge(
            "ges_exporter_config_last_reload_successful",
            "1 where the config was read without a mistake when it was read last, else 0; the last good one is in use.",
            registry=self.registry,
        )
        self._reload_timestamp = Gauge(
            "ges_exporter_config_last_reload_success_timestamp_seconds",
            "When the config in use was read.",
            registry=self.registry,
        )

    def request(self, operation: str, code: str, seconds: float) -> None:
        """Count a request that ended.

        Args:
            operation: what was asked for.
            code: the HTTP status, or what happened instead.
            seconds: from its start to its end.
        """
        self._requests.labels(operation, code).inc()
        self._seconds.labels(operation).observe(seconds)

    def reloaded(self, *, successful: bool, now: float) -> None:
        """Note that the config was read, at `now` in seconds since 1970."""
        self._reload_successful.set(1 if successful else 0)
        if successful:
            self._reload_timestamp.set(now)

    def families(self) -> list[Metric]:
        """Return the metric families as they are now."""
        return list(self.registry.collect())
