"""Progress bars do not stand in the way of Lava."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("options", ["", "disable=True"])
def test_lava_can_be_imported_after_a_bar(options):
    code = (
        f"from lava_async.progress import ProgressBar\nwith ProgressBar(range(2), {options}) as bar: list(bar)\n"
        "import multiprocessing\nassert multiprocessing.get_start_method(allow_none=True) is None\n"
        "import lava.magma.core.run_configs"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
