"""The command: its flags, its exit status, its signals."""

import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from ges_exporter import __version__
from ges_exporter.demo.cloud import MadeUpCloud
from tests.demo_client import token_of
from tests.projects import value
from tests.running import GatedCloud, run, running, write_config

NOWHERE = "http://127.0.0.1:1"  # nobody listens there


@pytest.fixture(scope="module")
def cloud() -> Iterator[MadeUpCloud]:
    with MadeUpCloud() as made_up:
        yield made_up


@pytest.fixture
def config(cloud: MadeUpCloud, tmp_path: Path) -> Path:
    return write_config(tmp_path / "config.yaml", cloud.url, token=token_of(cloud))


def test_version(tmp_path: Path) -> None:
    done = run("--version", cwd=tmp_path)
    assert (0, f"ges-exporter {__version__}\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize("flags", [["--nonsense"], ["--log.level", "loud"], ["--conf", "x"]])
def test_wrong_usage_has_exit_status_2(tmp_path: Path, flags: list[str]) -> None:
    assert run(*flags, cwd=tmp_path).returncode == 2


def test_without_a_config_it_says_what_to_do(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert done.returncode == 1
    assert "name a file with --config.file" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_each_mistake_of_the_config_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("scrape: {page_size: 0}\nprojects: [{project_id: p, region: a, auth: {token: '${NOBODY}'}}]\n")
    done = run("--once", cwd=tmp_path)
    assert done.returncode == 1
    prefixes = ("ges-exporter: config.yaml: scrape.page_size: ", "ges-exporter: config.yaml: projects[0].auth.token: ")
    assert sorted(prefixes, reverse=True) == sorted(
        (next((p for p in prefixes if line.startswith(p)), line) for line in done.stderr.splitlines()), reverse=True
    )


class TestOnce:
    def test_writes_to_standard_output_and_nothing_of_the_exporter(self, config: Path) -> None:
        done = run("--once", cwd=config.parent)
        assert done.returncode == 0
        assert value(done.stdout, "ges_up") == 1
        assert not [word for word in ("process_", "python_info", "ges_exporter_api") if word in done.stdout]

    def test_writes_a_file_that_others_can_read(self, config: Path) -> None:
        file = config.parent / "ges.prom"
        done = run("--once", str(file), cwd=config.parent)
        assert (done.returncode, done.stdout) == (0, "")
        assert value(file.read_text(), "ges_up") == 1
        assert stat.S_IMODE(file.stat().st_mode) == 0o644

    def test_replaces_the_file_also_when_the_cloud_is_down(self, tmp_path: Path) -> None:
        write_config(tmp_path / "config.yaml", NOWHERE)
        file = tmp_path / "ges.prom"
        file.write_text("old\n")
        before = file.stat().st_ino
        done = run("--once", str(file), cwd=tmp_path)
        assert done.returncode == 1
        assert value(file.read_text(), "ges_up") == 0
        assert before != file.stat().st_ino
        assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "ges.prom"]

    def test_a_folder_that_is_not_there_is_one_line(self, config: Path) -> None:
        done = run("--once", "/nowhere/ges.prom", cwd=config.parent)
        assert done.returncode == 1
        assert "ges-exporter: --once: /nowhere/ges.prom cannot be written: No such file or directory" in done.stderr
        assert "Traceback" not in done.stderr


def test_config_check_has_a_line_for_each_project(cloud: MadeUpCloud, tmp_path: Path) -> None:
    write_config(tmp_path / "config.yaml", cloud.url, NOWHERE, token=token_of(cloud))
    done = run("--config.check", cwd=tmp_path)
    good, bad = done.stdout.splitlines()
    assert good.startswith("p0: ")
    assert good.endswith(" backups")
    assert bad.startswith("p1: failed: list_backups: connection refused: check the endpoint")
    assert done.returncode == 1


def test_config_check_of_a_good_config_has_exit_status_0(config: Path) -> None:
    assert run("--config.check", cwd=config.parent).returncode == 0


def test_sigterm_lets_the_scrape_in_flight_finish_and_exits_0(tmp_path: Path) -> None:
    with (
        GatedCloud() as cloud,
        running("--config.file", str(write_config(tmp_path / "c.yaml", cloud.url))) as exporter,
        ThreadPoolExecutor(1) as pool,
    ):
        scrape = pool.submit(requests.get, f"{exporter.url}/metrics", timeout=20)
        assert cloud.asked.wait(20)
        exporter.process.send_signal(signal.SIGTERM)
        cloud.gate.set()
        assert value(scrape.result().text, "ges_up") == 1
        assert exporter.end() == 0


class TestReload:
    @pytest.mark.parametrize("way", ["SIGHUP", "POST"])
    def test_takes_the_new_config_and_keeps_the_last_good_one(self, cloud: MadeUpCloud, config: Path, way: str) -> None:
        with running("--config.file", str(config)) as exporter:

            def reload() -> None:
                if way == "SIGHUP":
                    exporter.process.send_signal(signal.SIGHUP)
                else:
                    requests.post(f"{exporter.url}/-/reload", timeout=20)

            write_config(config, cloud.url, NOWHERE, token=token_of(cloud))
            reload()
            exporter.wait_for("config was read again")
            assert len(requests.get(f"{exporter.url}/targets", timeout=20).json()) == 2
            config.write_text("nonsense: 1\n")
            reload()
            exporter.wait_for("the last one stays")
            text = requests.get(f"{exporter.url}/metrics", timeout=20).text
        assert value(text, "ges_up", project="p0") == 1
        assert value(text, "ges_exporter_config_last_reload_successful") == 0

    def test_answers_what_is_wrong(self, config: Path) -> None:
        with running("--config.file", str(config)) as exporter:
            config.write_text("nonsense: 1\n")
            answer = requests.post(f"{exporter.url}/-/reload", timeout=20)
        assert answer.status_code == 500
        assert "unknown key nonsense" in answer.text
