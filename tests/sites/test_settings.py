"""Each setting has one type and one default, wherever it is given."""

import inspect
from dataclasses import fields
from typing import get_type_hints

from pytest_mockscope import MockscopeConfig

from mockscope import serve
from mockscope.sites.settings import Settings, SettingsArguments


def test_type_checkers_know_every_field_of_the_settings() -> None:
    assert get_type_hints(SettingsArguments) == get_type_hints(Settings)


def test_the_plugin_has_the_defaults_of_a_server() -> None:
    parameters = inspect.signature(serve).parameters.values()
    server = {each.name: each.default for each in parameters} | {each.name: each.default for each in fields(Settings)}

    # A server that the plugin starts has no setting for the URL of another one.
    for field in fields(MockscopeConfig):
        assert field.name == "url" or field.default == server[field.name], field.name
