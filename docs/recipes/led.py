"""Runs a Python script whose clients look at no proxy, so that they meet the mock all the same.

mockscope exec -- python led.py SCRIPT [ARGUMENTS]
"""

import atexit
import os
import runpy
import sys
from contextlib import ExitStack

import mockscope

# Until the process ends: threads that go on after the script are led too.
led = ExitStack()
led.enter_context(mockscope.redirected(os.environ["MOCKSCOPE_URL"]))
atexit.register(led.close)

# As Python has it where a script is run.
del sys.argv[0]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
