"""`python -m ges_exporter` is the command `ges-exporter`."""

import sys

from ges_exporter.cli import main

if __name__ == "__main__":
    sys.exit(main())
