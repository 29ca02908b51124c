"""In the image, every Python process keeps its caches in a folder of its own, which goes with it.

numba's cache is pickle: whoever can write to it runs code. The image is used by any user, often without a home, and
some engines share /tmp with the machine, so that a folder of a fixed name there may be another user's.
"""

import atexit
import os
import shutil
import tempfile

NAMES = {"NUMBA_CACHE_DIR": "numba", "MPLCONFIGDIR": "matplotlib", "XDG_CACHE_HOME": "cache"}

if wanted := [name for name in NAMES if name not in os.environ]:
    _folder, _owner = tempfile.mkdtemp(prefix="unmix-caches-"), os.getpid()  # mode 700

    @atexit.register
    def _clean() -> None:
        if os.getpid() == _owner:  # not at the end of a fork
            shutil.rmtree(_folder, ignore_errors=True)

    for name in wanted:
        os.environ[name] = tempfile.mkdtemp(prefix=f"{NAMES[name]}-", dir=_folder)
