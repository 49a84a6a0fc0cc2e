"""config.yaml to a frozen Config; every mistake named by its path in the file."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from ges_exporter.config_auth import Auth, AuthSection, auth_from_environment, read_auth
from ges_exporter.coverage import Expectation
from ges_exporter.yaml_file import Mistakes, read_yaml

_HOUR = 3600.0
_EUROPEAN_DOMAIN = {"eu-west-101": "myhuaweicloud.eu"}
_PROJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]+")

Seconds = Annotated[float, Meta(gt=0, le=_HOUR)]


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    """How the cloud is asked.

    Attributes:
        timeout_seconds: budget of a scrape where Prometheus names none, and its upper bound.
        page_size: items to ask for at once.
        concurrency: requests in flight per project.
        cache_seconds: how long a listing is served again; 0 lists at every scrape.
        max_requests_per_second: to one endpoint, over all projects together.
    """

    timeout_seconds: Seconds = 25.0
    page_size: Annotated[int, Meta(ge=1, le=10_000)] = 100
    concurrency: Annotated[int, Meta(ge=1, le=64)] = 8
    cache_seconds: Annotated[float, Meta(ge=0, le=24 * _HOUR)] = 0.0
    max_requests_per_second: Annotated[int, Meta(ge=1, le=10_000)] = 100


class _ExpectationSection(msgspec.Struct, kw_only=True):
    graph: str | None
    max_age_hours: Annotated[float, Meta(gt=0, le=1_000_000)] | Literal["never"] | None


class _Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What projects share; each may say otherwise."""

    region: str | None = None
    endpoint: str | None = None
    iam_endpoint: str | None = None
    api_version: Literal["v1.0", "v2"] | None = None
    list_graphs: bool | None = None
    list_quotas: bool | None = None
    ca_file: str | None = None
    auth: AuthSection | None = None


class _ProjectSection(_Defaults, frozen=True, kw_only=True):
    project_id: str | None
    name: str | None = None


class _File(msgspec.Struct, kw_only=True):
    projects: tuple[_ProjectSection | None, ...] | None
    scrape: Scrape = Scrape()
    expectations: tuple[_ExpectationSection | None, ...] | None = None
    defaults: _Defaults = _Defaults()


@dataclass(frozen=True, slots=True)
class Project:
    """One project to list.

    Attributes:
        project_id: the cloud's id of it.
        name: its label `project`; None for a project that adds no label.
        endpoint: address of GES, without a slash at its end.
        iam_endpoint: address of IAM likewise; empty where the credentials need none.
        api_version: v1.0 or v2.
        list_graphs: whether to list the graphs too.
        list_quotas: whether to ask for the quotas too.
        ca_file: a bundle of the only CA certificates to trust; None for the usual ones.
        auth: how to prove who asks.
    """

    project_id: str
    name: str | None
    endpoint: str
    iam_endpoint: str
    api_version: str
    list_graphs: bool
    list_quotas: bool
    ca_file: str | None
    auth: Auth


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration.

    Attributes:
        scrape: how the cloud is asked.
        expectations: which graph should have how young a backup; None where the file says nothing of it.
        projects: what to list, at least one.
    """

    scrape: Scrape
    expectations: tuple[Expectation, ...] | None
    projects: tuple[Project, ...]


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Read a config file.

    Args:
        path: the file.
        environ: where `${NAME}` is looked up.

    Raises:
        ConfigError: it cannot be used; every mistake in it, a line each.
    """
    mistakes = Mistakes(str(path))
    file = read_yaml(path, _File, environ, mistakes)
    expectations = _expectations(file.expectations, mistakes)
    sections = file.projects or ()
    if file.projects is not None:
        _check_names(sections, mistakes)
    projects = [
        _project(section, file.defaults, f"projects[{index}]", path.parent, mistakes)
        for index, section in enumerate(sections)
        if section is not None
    ]
    mistakes.raise_if_any()
    return Config(file.scrape, expectations, tuple(project for project in projects if project is not None))


def config_from_environment(environ: Mapping[str, str]) -> Config:
    """Make a config of one project from the variables that the vendor's SDK uses.

    Args:
        environ: HUAWEICLOUD_SDK_AK, HUAWEICLOUD_SDK_SK, HUAWEICLOUD_SDK_PROJECT_ID and GES_REGION, and with temporary
            keys HUAWEICLOUD_SDK_SECURITY_TOKEN.

    Raises:
        ConfigError: one is missing or cannot be used.
    """
    mistakes = Mistakes("environment")
    auth = auth_from_environment(environ, mistakes)
    for name in ("HUAWEICLOUD_SDK_PROJECT_ID", "GES_REGION"):
        if not environ.get(name):
            mistakes.add(name, "is not set")
    mistakes.raise_if_any()
    project_id, region = environ["HUAWEICLOUD_SDK_PROJECT_ID"], environ["GES_REGION"]
    _check_project_id(project_id, "HUAWEICLOUD_SDK_PROJECT_ID", mistakes)
    endpoint, iam_endpoint = _endpoints(_ProjectSection(project_id=project_id, region=region), "GES_REGION", mistakes)
    mistakes.raise_if_any()
    project = Project(
        project_id=project_id,
        name=None,
        endpoint=endpoint,
        iam_endpoint=iam_endpoint,
        api_version="v1.0",
        list_graphs=True,
        list_quotas=False,
        ca_file=None,
        auth=auth,
    )
    return Config(Scrape(), None, (project,))


def _expectations(
    sections: tuple[_ExpectationSection | None, ...] | None, mistakes: Mistakes
) -> tuple[Expectation, ...] | None:
    if sections is None:
        return None
    found = []
    for index, section in enumerate(sections):
        if section is None:
            continue
        try:
            pattern = re.compile(section.graph or "")
        except (re.error, OverflowError, RecursionError) as error:
            mistakes.add(f"expectations[{index}].graph", f"is no regular expression: {error}")
            continue
        hours = section.max_age_hours
        found.append(Expectation(pattern, hours * _HOUR if isinstance(hours, float) else None))
    return tuple(found)


def _check_names(sections: tuple[_ProjectSection | None, ...], mistakes: Mistakes) -> None:
    if not sections:
        mistakes.add("projects", "is empty: name at least one project")
    first: dict[str, int] = {}
    for index, section in enumerate(sections):
        path = f"projects[{index}].name"
        if section is None:
            continue
        if section.name is None:
            if len(sections) > 1:
                mistakes.add(path, "is missing: where there are several projects, each needs a name")
        elif not section.name.isprintable() or not section.name.strip():
            mistakes.add(path, "is empty or holds characters that cannot be printed: it becomes the label project")
        elif first.setdefault(section.name, index) != index:
            mistakes.add(path, f"is the name of projects[{first[section.name]}] already: names have to differ")


def _project(
    section: _ProjectSection, defaults: _Defaults, path: str, folder: Path, mistakes: Mistakes
) -> Project | None:
    shared = {key: getattr(defaults, key) for key in _Defaults.__struct_fields__ if getattr(section, key) is None}
    merged = msgspec.structs.replace(section, **shared)
    _check_project_id(merged.project_id, f"{path}.project_id", mistakes)
    endpoint, iam_endpoint = _endpoints(merged, path, mistakes)
    ca_file = None if merged.ca_file is None else folder / merged.ca_file
    if ca_file is not None and not ca_file.is_file():
        mistakes.add(f"{path}.ca_file", "cannot be read: should be a file with CA certificates (PEM)")
    auth_path = f"{path}.auth" if section.auth is not None or defaults.auth is None else "defaults.auth"
    auth = read_auth(merged.auth, auth_path, folder, mistakes)
    if auth is None or merged.project_id is None:
        return None
    return Project(
        project_id=merged.project_id,
        name=merged.name,
        endpoint=endpoint,
        iam_endpoint=iam_endpoint,
        api_version=merged.api_version or "v1.0",
        list_graphs=merged.list_graphs is not False,
        list_quotas=merged.list_quotas is True,
        ca_file=None if ca_file is None else str(ca_file),
        auth=auth,
    )


def _check_project_id(project_id: str | None, path: str, mistakes: Mistakes) -> None:
    if project_id is not None and not _PROJECT_ID.fullmatch(project_id):
        mistakes.add(path, "is no project id: should be the 32 letters and digits that the console shows")


def _endpoints(section: _ProjectSection, path: str, mistakes: Mistakes) -> tuple[str, str]:
    region = section.region
    if region is not None and not _REGION.fullmatch(region):
        mistakes.add(f"{path}.region", "is no region: should be one such as cn-north-4")
    if region is None and section.endpoint is None:
        mistakes.add_as_a_whole(path, "has neither region nor endpoint: set region, such as cn-north-4")
    needs_iam = section.auth is not None and section.auth.password is not None
    if region is None and section.iam_endpoint is None and needs_iam:
        mistakes.add_as_a_whole(
            path, "has neither region nor iam_endpoint: a password is checked by IAM, so set one of them"
        )
    domain = _EUROPEAN_DOMAIN.get(region or "", "myhuaweicloud.com")
    found = []
    for key, service in (("endpoint", "ges"), ("iam_endpoint", "iam")):
        given: str | None = getattr(section, key)
        if given is not None:
            problem = _problem_of_address(given)
            if problem:
                mistakes.add(f"{path}.{key}", problem)
        found.append((given or (f"https://{service}.{region}.{domain}" if region else "")).rstrip("/"))
    return found[0], found[1]


def _problem_of_address(address: str) -> str:
    """Say what is wrong with an address; nothing where it can be used."""
    right = "should be one such as https://ges.cn-north-4.myhuaweicloud.com"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return f"is no address: {right}"
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host) or not address.isascii():
        return f"is no address: {right}"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return f"holds more than scheme, host, port and path: {right}"
    if parts.scheme == "http" and not _is_loopback(host):
        return "http:// would send credentials readable by all on the way: use https:// (http:// is for loopback only)"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
