"""The pytest plugin: glue only. At import it needs pytest and the standard library; mockscope is loaded by fixtures."""

from pytest_mockscope.fixtures import mockscope as mockscope
from pytest_mockscope.fixtures import mockscope_ca as mockscope_ca
from pytest_mockscope.fixtures import mockscope_config as mockscope_config
from pytest_mockscope.fixtures import mockscope_redirect as mockscope_redirect
from pytest_mockscope.fixtures import mockscope_server as mockscope_server
from pytest_mockscope.options import MockscopeConfig as MockscopeConfig
from pytest_mockscope.options import pytest_addoption as pytest_addoption
from pytest_mockscope.options import pytest_configure as pytest_configure
from pytest_mockscope.options import pytest_make_collect_report as pytest_make_collect_report
from pytest_mockscope.reporting import pytest_runtest_call as pytest_runtest_call
from pytest_mockscope.reporting import pytest_runtest_makereport as pytest_runtest_makereport
from pytest_mockscope.reporting import pytest_runtest_setup as pytest_runtest_setup
from pytest_mockscope.reporting import pytest_sessionstart as pytest_sessionstart
from pytest_mockscope.reporting import pytest_terminal_summary as pytest_terminal_summary
