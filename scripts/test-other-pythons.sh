#!/bin/sh
# Runs the tests beside the rooms on the other Pythons that the project supports, where the machine has them.
# The tests in tests/integration are of other programs, so the Python of .venv is enough for them.
set -eu

own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for version in 3.11 3.12 3.13; do
    [ "$version" = "$own" ] && continue
    found=''
    for python in "python$version" "$HOME"/.pyenv/versions/"$version".*/bin/python; do
        if "$python" -c 'import venv' 2>/dev/null; then
            found=$python
            break
        fi
    done
    if [ -z "$found" ]; then
        echo "Python $version is not on this machine: its tests are left out"
        continue
    fi
    folder=.venv-$version
    if [ ! -e "$folder/test" ] || [ pyproject.toml -nt "$folder/test" ]; then
        "$found" -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[test]'
        touch "$folder/test"
    fi
    echo "Python $version:"
    "$folder/bin/python" -m pytest --quiet --ignore=tests/integration -p no:cacheprovider
done
