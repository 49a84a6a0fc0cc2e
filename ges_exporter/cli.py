"""Flags, and which mode runs: serve, --config.check, --once, --demo."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog

from ges_exporter import __version__, logs
from ges_exporter.check import check
from ges_exporter.config import Config, Project, Scrape, config_from_environment, load_config
from ges_exporter.config_auth import PasswordAuth
from ges_exporter.demo import accounts
from ges_exporter.demo.cloud import MadeUpCloud
from ges_exporter.errors import ExporterError
from ges_exporter.exposition import expose
from ges_exporter.memory import give_back_what_is_freed
from ges_exporter.metrics import project_families
from ges_exporter.scrape import Scraper
from ges_exporter.secret import Secret
from ges_exporter.serve import listen, serve
from ges_exporter.telemetry import Telemetry
from ges_exporter.web import Exporter

_DEFAULT_CONFIG = Path("config.yaml")
_STANDARD_OUTPUT = "-"
_TEXTFILE_MODE = 0o644  # node_exporter runs as another user

_log = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the flags; those of the process where None.

    Returns:
        The exit status: 0, or 1 where the config or a project failed. Usage ends with status 2.
    """
    flags = _parser().parse_args(arguments)
    logs.configure(flags.log_level, flags.log_format)
    give_back_what_is_freed()
    try:
        with ExitStack() as until_the_end:
            return _run(flags, until_the_end)
    except ExporterError as error:
        for line in str(error).splitlines():
            print(f"ges-exporter: {line}", file=sys.stderr)  # noqa: T201  # before there is anything to log
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ges-exporter",
        description="Prometheus exporter for the backups of Huawei Cloud GES graphs.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--config.file", dest="config_file", type=Path, metavar="FILE", help="the config (default: config.yaml)")
    add(
        "--config.check",
        dest="config_check",
        action="store_true",
        help="read the config, list each project once, say a line of each, and end",
    )
    add(
        "--once",
        nargs="?",
        const=_STANDARD_OUTPUT,
        metavar="FILE",
        help="scrape once, write the metrics to FILE (default: standard output), and end",
    )
    add("--demo", action="store_true", help="serve the metrics of a made-up cloud; no config is read")
    add(
        "--web.listen-address",
        dest="listen_address",
        default=":10437",
        metavar="ADDRESS",
        help="where to listen (default: %(default)s)",
    )
    add("--log.level", dest="log_level", choices=logs.LEVELS, default="info", help="(default: %(default)s)")
    add("--log.format", dest="log_format", choices=logs.FORMATS, default="logfmt", help="(default: %(default)s)")
    add("--version", action="version", version=f"ges-exporter {__version__}")
    return parser


def _run(flags: argparse.Namespace, until_the_end: ExitStack) -> int:
    telemetry = Telemetry()
    read = _demo(until_the_end) if flags.demo else lambda: _read_config(flags.config_file)

    def make_scraper() -> Scraper:
        return Scraper(read(), telemetry)

    if flags.config_check:
        lines, well = check(make_scraper())
        print("\n".join(lines))  # noqa: T201  # what the flag is for
        return 0 if well else 1
    if flags.once is not None:
        return _once(make_scraper(), flags.once)
    exporter = Exporter(make_scraper, telemetry)
    listening = listen(flags.listen_address)
    if flags.demo:
        _say_what_to_try(listening.getsockname()[1])
    serve(exporter, listening)
    return 0


def _read_config(file: Path | None) -> Config:
    if file is None and not _DEFAULT_CONFIG.exists():
        if any(name in os.environ for name in ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK")):
            return config_from_environment(os.environ)
        names = "HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK, HUAWEICLOUD_SDK_PROJECT_ID and GES_REGION"
        raise ExporterError(f"no config: name a file with --config.file, or set {names}, or try --demo")
    return load_config(file or _DEFAULT_CONFIG, os.environ)


def _once(scraper: Scraper, file: str) -> int:
    snapshots = scraper.collect(scraper.config.scrape.timeout_seconds)
    body, _ = expose(project_families(snapshots))
    if file == _STANDARD_OUTPUT:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
    else:
        _replace(Path(file), body)
    return 0 if all(snapshot.error is None for snapshot in snapshots) else 1


def _replace(file: Path, body: bytes) -> None:
    """Write a file so that whoever reads it sees the old content or the new, whole."""
    try:
        # Not named *.prom until it is whole: node_exporter reads whatever is.
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as temporary:
            try:
                temporary.write(body)
                temporary.flush()
                os.fchmod(temporary.fileno(), _TEXTFILE_MODE)
                os.fsync(temporary.fileno())
                Path(temporary.name).replace(file)
            except BaseException:
                Path(temporary.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ExporterError(f"--once: {file} cannot be written: {error.strerror}") from None


def _demo(until_the_end: ExitStack) -> Callable[[], Config]:
    cloud = until_the_end.enter_context(MadeUpCloud())
    user = accounts.DEMO_USER
    project = Project(
        project_id=accounts.PROJECT_ID,
        name=None,
        endpoint=cloud.url,
        iam_endpoint=cloud.url,
        api_version="v2",
        list_graphs=True,
        list_quotas=True,
        ca_file=None,
        auth=PasswordAuth(user.domain, user.name, Secret(user.password)),
    )
    return lambda: Config(Scrape(), None, (project,))


def _say_what_to_try(port: int) -> None:
    address = f"http://localhost:{port}"
    lines = (
        f"A made-up cloud is running, and its exporter serves at {address}",
        f"  {address}/          status page",
        f"  {address}/metrics   what Prometheus scrapes",
        "Try next:",
        f"  curl -s {address}/metrics | grep ^ges_",
        f"  curl -s {address}/metrics | grep last_attempt_successful   # 0: the last backup failed",
        "Backups start, end, fail and are rotated away every few minutes. Ctrl-C ends it.",
    )
    print("\n".join(lines), flush=True)  # noqa: T201  # what the flag is for
