"""``python -m lava_async`` is ``lava-async``."""

import sys

from lava_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
