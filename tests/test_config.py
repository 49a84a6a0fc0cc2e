"""config.yaml: what it becomes, and the line that each kind of mistake gets."""

from pathlib import Path

import pytest
from huaweicloudsdkges.v1.region.ges_region import GesRegion

from ges_exporter.config import Config, Scrape, config_from_environment, load_config
from ges_exporter.config_auth import AccessKeyAuth, AgencyAuth, PasswordAuth, StaticTokenAuth
from ges_exporter.errors import ConfigError

ONE = "projects: [{project_id: p1, region: cn-north-4, auth: {token: hidden-token}}]\n"
SECRET = "hidden-token"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def load(file: Path, text: str, **environ: str) -> Config:
    file.write_text(text, encoding="utf-8")
    return load_config(file, environ)


def project(more: str = "", auth: str = "{token: hidden-token}") -> str:
    return f"projects: [{{project_id: p1, region: cn-north-4, auth: {auth}{more}}}]\n"


MISTAKES = {
    "unknown key": (project(", regoin: x"), "projects[0]", "unknown key regoin"),
    "unknown section": (ONE + "scrap: {}\n", "", "unknown key scrap"),
    "missing key": ("projects: [{region: a, auth: {token: t}}]", "projects[0].project_id", "is missing"),
    "no projects": ("scrape: {}", "projects", "is missing"),
    "empty projects": ("projects: []", "projects", "is empty"),
    "wrong type": (ONE + "scrape: {timeout_seconds: [1]}", "scrape.timeout_seconds", "expected float, got array"),
    "page size 0": (ONE + "scrape: {page_size: 0}", "scrape.page_size", "expected int >= 1"),
    "NaN": (ONE + "scrape: {cache_seconds: .nan}", "scrape.cache_seconds", "expected float"),
    "NaN as timeout": (ONE + "scrape: {timeout_seconds: .nan}", "scrape.timeout_seconds", "expected float"),
    "NaN as age": (ONE + "expectations: [{graph: a, max_age_hours: .nan}]", "expectations[0].max_age_hours", ""),
    "two methods": (
        project(auth="{token: hidden-token, ecs_agency: {}}"),
        "projects[0].auth",
        "has token and ecs_agency: should have exactly one of",
    ),
    "no method": (project(auth="{}"), "projects[0].auth", "is missing or empty: should have exactly one of"),
    "no auth": ("projects: [{project_id: p, region: a}]", "projects[0].auth", "is missing or empty"),
    "a regex that does not compile": (
        ONE + 'expectations: [{graph: "(", max_age_hours: 1}]',
        "expectations[0].graph",
        "is no regular expression",
    ),
    "unset variable": (project(auth='{token: "${NOBODY}"}'), "projects[0].auth.token", "NOBODY is not set"),
    "broken variable": (project(auth='{token: "${}"}'), "projects[0].auth.token", "write $${ for a literal ${"),
    "unreadable secret file": (
        project(auth="{token_file: nowhere}"),
        "projects[0].auth.token_file",
        "No such file or directory",
    ),
    "http to elsewhere": (
        project(", endpoint: 'http://ges.example.com'"),
        "projects[0].endpoint",
        "use https://",
    ),
    "no endpoint": ("projects: [{project_id: p, auth: {token: t}}]", "projects[0]", "has neither region nor endpoint"),
    "secret twice": (
        project(auth="{token: hidden-token, token_file: x}"),
        "projects[0].auth",
        "has token and token_file",
    ),
    "unknown version": (project(", api_version: v3"), "projects[0].api_version", "should be v1.0 or v2"),
    "ca_file": (project(", ca_file: nowhere.pem"), "projects[0].ca_file", "cannot be read"),
    "number as id": ("projects: [{project_id: 7, region: a, auth: {token: t}}]", "projects[0].project_id", "quotes"),
    "key given twice": (ONE + ONE, "line 2, column 1", "the key projects is given twice"),
    "no YAML": ("projects: [", "line ", ""),
    "no mapping": ("- a\n", "", "should be a mapping"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_each_kind_of_mistake_has_one_line_with_its_path(file: Path, kind: str) -> None:
    text, path, what = MISTAKES[kind]
    with pytest.raises(ConfigError) as caught:
        load(file, text)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{file}: {path}")
    assert what in line
    assert SECRET not in line


TWO = "projects:\n- {{project_id: p1, region: a{first}, auth: {{token: t}}}}\n- {{project_id: p2, region: a{second}, auth: {{token: t}}}}\n"  # noqa: E501


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (", name: x", ", name: x", ["projects[1].name: is the name of projects[0] already: names have to differ"]),
        (
            ", name: x",
            "",
            ["projects[1].name: is missing: where there are several projects, each needs a name"],
        ),
    ],
)
def test_several_projects_need_names_that_differ(file: Path, first: str, second: str, expected: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, TWO.format(first=first, second=second))
    assert expected == list(caught.value.mistakes)


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, "scrape: {page_size: 0, x: 1}\nprojects: [{region: A!, auth: {}}]\n")
    paths = {line.split(":")[0] for line in caught.value.mistakes}
    assert paths == {"scrape", "scrape.page_size", "projects[0].project_id", "projects[0].region", "projects[0].auth"}


def test_a_file_that_is_not_there_has_one_line(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(file, {})
    assert f"{file}: cannot be read: No such file or directory" == str(caught.value)


class TestValues:
    def test_what_the_file_does_not_say_has_the_documented_default(self, file: Path) -> None:
        config = load(file, ONE)
        assert Scrape(timeout_seconds=25, page_size=100, concurrency=8, cache_seconds=0) == config.scrape
        (only,) = config.projects
        assert (only.name, only.api_version, only.list_graphs, only.list_quotas) == (None, "v1.0", True, False)
        assert config.expectations is None

    def test_a_variable_is_taken_from_the_environment(self, file: Path) -> None:
        auth = load(file, project(auth='{token: "a${T}c"}'), T="b").projects[0].auth
        assert isinstance(auth, StaticTokenAuth)
        assert auth.token.read() == "abc"

    def test_two_dollars_stand_for_a_literal_one(self, file: Path) -> None:
        auth = load(file, project(auth='{token: "$${T}"}')).projects[0].auth
        assert isinstance(auth, StaticTokenAuth)
        assert auth.token.read() == "${T}"

    def test_a_variable_may_stand_where_a_number_is_wanted(self, file: Path) -> None:
        assert load(file, ONE + 'scrape: {page_size: "${SIZE}"}', SIZE="50").scrape.page_size == 50

    def test_never_and_fractions_of_hours(self, file: Path) -> None:
        text = ONE + "expectations: [{graph: a, max_age_hours: never}, {graph: b, max_age_hours: 0.5}]"
        assert [rule.max_age for rule in load(file, text).expectations or ()] == [None, 1800.0]

    def test_http_is_good_for_loopback(self, file: Path) -> None:
        for host in ("127.0.0.1:8080", "localhost", "[::1]:80"):
            config = load(file, project(f", endpoint: 'http://{host}'"))
            assert f"http://{host}" == config.projects[0].endpoint

    def test_every_method_of_auth_is_known(self, file: Path) -> None:
        methods = {
            "{password: {domain: d, username: u, password: s}}": PasswordAuth,
            "{aksk: {access_key: a, secret_key: s, security_token: t}}": AccessKeyAuth,
            "{token: t}": StaticTokenAuth,
            "{ecs_agency: {}}": AgencyAuth,
        }
        for text, kind in methods.items():
            assert isinstance(load(file, project(auth=text)).projects[0].auth, kind)

    def test_secret_files_are_relative_to_the_config(self, file: Path) -> None:
        (file.parent / "token").write_text("from-file\n")
        auth = load(file, project(auth="{token_file: token}")).projects[0].auth
        assert isinstance(auth, StaticTokenAuth)
        assert auth.token.read() == "from-file"

    def test_no_secret_shows_in_a_repr(self, file: Path) -> None:
        for auth in (
            "{token: hidden}",
            "{password: {domain: d, username: u, password: hidden}}",
            "{aksk: {access_key: hidden, secret_key: hidden, security_token: hidden}}",
        ):
            assert "hidden" not in repr(load(file, project(auth=auth)))


def test_defaults_hold_where_a_project_says_nothing_else(file: Path) -> None:
    config = load(
        file,
        "defaults: {region: cn-north-4, api_version: v2, list_graphs: false, auth: {token: t}}\n"
        "projects:\n"
        "- {project_id: p1, name: a}\n"
        "- {project_id: p2, name: b, region: eu-west-101, api_version: v1.0, list_graphs: true,"
        " auth: {ecs_agency: {}}}\n",
    )
    first, second = config.projects
    assert (
        first.endpoint,
        first.api_version,
        first.list_graphs,
    ) == ("https://ges.cn-north-4.myhuaweicloud.com", "v2", False)
    assert (
        second.endpoint,
        second.api_version,
        second.list_graphs,
    ) == ("https://ges.eu-west-101.myhuaweicloud.eu", "v1.0", True)
    assert (StaticTokenAuth, AgencyAuth) == (type(first.auth), type(second.auth))


@pytest.mark.parametrize("region", sorted(GesRegion.static_fields))
def test_endpoints_are_those_of_the_official_table(file: Path, region: str) -> None:
    (only,) = load(file, ONE.replace("cn-north-4", region)).projects
    official = GesRegion.static_fields[region].endpoints[0]
    assert official == only.endpoint
    assert official.replace("//ges.", "//iam.") == only.iam_endpoint


class TestEnvironmentOnly:
    ENVIRON = {  # noqa: RUF012  # read only
        "HUAWEICLOUD_SDK_AK": "ak",
        "HUAWEICLOUD_SDK_SK": "hidden-key",
        "HUAWEICLOUD_SDK_PROJECT_ID": "p1",
        "GES_REGION": "cn-north-4",
    }

    def test_configures_one_project(self) -> None:
        config = config_from_environment(self.ENVIRON)
        (only,) = config.projects
        assert (only.project_id, only.endpoint, only.name) == ("p1", "https://ges.cn-north-4.myhuaweicloud.com", None)
        assert isinstance(only.auth, AccessKeyAuth)
        assert (only.auth.access_key.read(), only.auth.secret_key.read()) == ("ak", "hidden-key")
        assert only.auth.security_token is None
        assert "hidden-key" not in repr(config)

    @pytest.mark.parametrize("missing", ENVIRON)
    def test_names_the_variable_that_is_missing(self, missing: str) -> None:
        with pytest.raises(ConfigError) as caught:
            config_from_environment({key: value for key, value in self.ENVIRON.items() if key != missing})
        assert f"environment: {missing}: is not set" == str(caught.value)
