"""Programs from outside Python that tests start."""

import os
import shutil
import sysconfig
from typing import NoReturn

import pytest


def tool(name: str) -> str:
    """Return the path of the program `name`; without it, end the test as `unavailable` does."""
    # Programs that pip installed stand beside Python; Debian keeps some for root where PATH may not look.
    folders = [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath), "/usr/sbin"]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        unavailable(f"{name} is not installed; scripts/install-tools.sh installs it where it can")
    return path


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where CI=true says that everything is to be at hand."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
