"""One scrape: all projects side by side, each within the time there is; and the budget that says how much that is."""

import math
from collections.abc import Sequence

from ges_exporter.agency import METADATA_ENDPOINT, ECSAgency
from ges_exporter.api import API
from ges_exporter.clock import SYSTEM_CLOCK, Clock, Deadline
from ges_exporter.config import Config, Project
from ges_exporter.config_auth import AccessKeyAuth, PasswordAuth, StaticTokenAuth
from ges_exporter.credentials import AccessKey, Credentials, Password, StaticToken
from ges_exporter.crew import Crew
from ges_exporter.http_client import HTTPClient
from ges_exporter.pacing import Pacer
from ges_exporter.refusals import Refusals
from ges_exporter.summary import Snapshot
from ges_exporter.target import Crews, Target
from ges_exporter.telemetry import Telemetry
from ges_exporter.wire import V1, V2

LISTING_THREADS = 64
REQUEST_THREADS = 64

_MARGIN = 0.5  # seconds: of what Prometheus grants, for the way there and back
_SMALLEST_SHARE = 0.1  # of what Prometheus grants, however long rendering took


class Scraper:
    """The projects of one config, ready to be listed; a reload makes a new one."""

    def __init__(
        self,
        config: Config,
        telemetry: Telemetry,
        *,
        clock: Clock = SYSTEM_CLOCK,
        metadata_endpoint: str = METADATA_ENDPOINT,
    ) -> None:
        """Make the projects ready; nothing is asked of the cloud yet.

        Args:
            config: what to list.
            telemetry: counts the requests.
            clock: tells and passes time.
            metadata_endpoint: where the keys of an ECS agency come from; another one in tests only.
        """
        self.config = config
        self._clock = clock
        self._telemetry = telemetry
        self._metadata_endpoint = metadata_endpoint
        self._pacer = Pacer(config.scrape.max_requests_per_second, clock)
        self._refusals = Refusals(clock)
        crews = Crews(Crew("listing", LISTING_THREADS), Crew("request", REQUEST_THREADS))
        self.targets = [self._target(project, crews) for project in config.projects]

    def collect(self, seconds: float, targets: Sequence[Target] | None = None) -> list[Snapshot]:
        """List projects side by side.

        Args:
            seconds: the budget.
            targets: the projects to list, or None for all.

        Returns:
            A snapshot of each, in their order; at the latest a moment after the budget is spent.
        """
        chosen = self.targets if targets is None else targets
        deadline = Deadline.after(seconds, self._clock)
        flights = [target.join(deadline) for target in chosen]
        return [target.snapshot(flight, deadline) for target, flight in zip(chosen, flights, strict=True)]

    def target(self, name: str) -> Target | None:
        """Return the project of that name (its id where it has none), or None."""
        return next((target for target in self.targets if target.name == name), None)

    def _target(self, project: Project, crews: Crews) -> Target:
        client = HTTPClient(
            telemetry=self._telemetry,
            pacer=self._pacer,
            connections=2 * self.config.scrape.concurrency + 2,
            ca_file=project.ca_file,
            clock=self._clock,
        )
        return Target(
            project,
            self.config.scrape,
            self.config.expectations,
            api=API(project.endpoint, self._credentials(project, client), client),
            wire=V2 if project.api_version == V2.version else V1,
            crews=crews,
            clock=self._clock,
        )

    def _credentials(self, project: Project, client: HTTPClient) -> Credentials:
        auth = project.auth
        if isinstance(auth, PasswordAuth):
            return Password(
                iam_endpoint=project.iam_endpoint,
                domain=auth.domain,
                username=auth.username,
                password=auth.password,
                project_id=project.project_id,
                client=client,
                refusals=self._refusals,
                clock=self._clock,
            )
        if isinstance(auth, AccessKeyAuth):
            return AccessKey(
                access_key=auth.access_key,
                secret_key=auth.secret_key,
                security_token=auth.security_token,
                project_id=project.project_id,
                endpoint=project.endpoint,
                refusals=self._refusals,
                clock=self._clock,
            )
        if isinstance(auth, StaticTokenAuth):
            return StaticToken(auth.token)
        # The metadata service is this machine's own: asked through a proxy, it would tell the keys of the proxy's.
        own = HTTPClient(telemetry=self._telemetry, pacer=self._pacer, through_proxy=False, clock=self._clock)
        return ECSAgency(project_id=project.project_id, client=own, endpoint=self._metadata_endpoint, clock=self._clock)


def budget(header: str | None, rendering: float, most: float) -> float:
    """Return how many seconds a scrape may take.

    Args:
        header: Prometheus's X-Prometheus-Scrape-Timeout-Seconds, or None.
        rendering: seconds that rendering the last scrape took.
        most: the config's timeout_seconds.
    """
    try:
        granted = float(header or "")
    except ValueError:
        granted = math.nan
    if not granted > 0:
        return most
    margin = _MARGIN if granted >= 1 else granted / 2
    return min(max(granted - margin - rendering, granted * _SMALLEST_SHARE), most)
