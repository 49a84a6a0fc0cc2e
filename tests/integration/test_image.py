"""The container image: its Dockerfile, and a real build that is run."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import ges_exporter
from tests.integration.tools import tool, unavailable

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE = REPOSITORY / "Dockerfile"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates,passwd"
USER = 65534


def test_the_dockerfile_has_no_findings() -> None:
    result = subprocess.run([tool("hadolint"), DOCKERFILE], capture_output=True, text=True, check=False)

    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


def test_the_chart_runs_the_image_as_its_own_user() -> None:
    values = yaml.safe_load((REPOSITORY / "helm" / "ges-exporter" / "values.yaml").read_text())

    assert f"USER {USER}:{USER}\n" in DOCKERFILE.read_text()
    assert values["podSecurityContext"]["runAsUser"] == values["podSecurityContext"]["fsGroup"] == USER


@dataclass(frozen=True)
class Image:
    """A built image and a container of it. `buildah` is the command with its private storage."""

    buildah: tuple[str, ...]
    container: str

    @property
    def settings(self) -> Any:
        """What the image says of how it is to be run, in the words of the OCI format."""
        report = subprocess.check_output([*self.buildah, "inspect", self.container], text=True)
        return json.loads(report)["OCIv1"]["config"]

    def command(self, *arguments: str, volume: str | None = None) -> list[str]:
        """What runs the exporter with these arguments, as `docker run` would."""
        options = ["--isolation", "chroot", "--network", "host"]
        if volume is not None:
            options += ["--volume", volume]
        # buildah run knows no ENTRYPOINT.
        return [*self.buildah, "run", *options, self.container, "--", *self.settings["Entrypoint"], *arguments]


def made_base(folder: Path) -> Path:
    """Make in `folder` what python:3.13-slim is: a small Debian with Python 3.13."""
    command = [tool("debootstrap"), "--variant=minbase", f"--include={PACKAGES}", "trixie", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        unavailable(f"debootstrap failed: {made.stdout[-500:]}")
    (folder / "usr" / "bin" / "python").symlink_to("python3")
    if CERTIFICATES.exists():  # of a network that signs with an authority of its own
        shutil.copy(CERTIFICATES, folder / CERTIFICATES.relative_to("/"))
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image, built in a storage of its own: the made-up base must not pass for the real one elsewhere."""
    if os.geteuid() != 0:
        unavailable("building an image this way needs root")
    folder = tmp_path_factory.mktemp("image")
    buildah = (tool("buildah"), "--root", str(folder / "root"), "--runroot", str(folder / "run"))

    def run(*arguments: str) -> str:
        done = subprocess.run([*buildah, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout.strip()

    try:
        base = run("from", "scratch")
        run("add", "--quiet", base, str(made_base(folder / "base")), "/")
        run("config", "--env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", base)
        run("commit", "--quiet", "--rm", base, "docker.io/library/python:3.13-slim")
        build = ("bud", "--isolation", "chroot", "--network", "host", "--pull-never")
        run(*build, "--tag", "ges-exporter", str(REPOSITORY))
        yield Image(buildah, run("from", "--pull-never", "ges-exporter"))
        run("rm", "--all")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until_ready(process: subprocess.Popen[str], address: str) -> None:
    """Return when the exporter answers; it has 30 s."""
    end = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{address}/-/ready", timeout=2):
                return
        except OSError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "not ready in time"
            time.sleep(0.1)  # a program that starts announces nothing


@pytest.mark.tools
@pytest.mark.timeout(600)
class TestBuiltImage:
    def test_it_says_how_it_is_to_be_run(self, image: Image) -> None:
        assert image.settings["Entrypoint"] == ["ges-exporter"]
        assert f"{USER}:{USER}" == image.settings["User"]
        assert image.settings["ExposedPorts"] == {"10437/tcp": {}}
        assert "Cmd" not in image.settings

    def test_it_tells_its_version(self, image: Image) -> None:
        assert ges_exporter.__version__ in subprocess.check_output(image.command("--version"), text=True)

    def test_it_reads_the_config_that_is_mounted_where_the_documentation_says(
        self, image: Image, tmp_path: Path
    ) -> None:
        config = tmp_path / "config.yaml"
        config.write_text("no_such_key: 1\n")
        command = image.command(volume=f"{config}:/etc/ges-exporter/config.yaml:ro")

        result = subprocess.run(command, capture_output=True, text=True, check=False)

        assert result.returncode == 1
        assert "no_such_key" in result.stdout + result.stderr

    def test_the_demo_serves_metrics_and_writes_no_file(self, image: Image) -> None:
        port = free_port()
        command = image.command("--demo", f"--web.listen-address=127.0.0.1:{port}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                wait_until_ready(process, f"http://127.0.0.1:{port}")
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                    metrics = answer.read().decode()
            finally:
                process.terminate()
                process.communicate(timeout=30)
        root = subprocess.check_output([*image.buildah, "mount", image.container], text=True).strip()
        written = subprocess.check_output(["find", root, "-xdev", "-user", str(USER)], text=True)

        assert "\nges_up 1.0\n" in metrics
        assert written == ""
