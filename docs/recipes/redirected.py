"""Run a Python script inside a redirect, so that clients which ignore the proxy reach the mock too.

mockscope exec -- python redirected.py SCRIPT [ARGUMENTS]
"""

import atexit
import os
import runpy
import sys
from contextlib import ExitStack

import mockscope

# Until the process ends, because threads may outlive the script.
redirect = ExitStack()
redirect.enter_context(mockscope.redirected(os.environ["MOCKSCOPE_URL"]))
atexit.register(redirect.close)

# As if Python had started the script itself.
del sys.argv[0]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
