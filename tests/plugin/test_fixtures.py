"""The fixtures and the marker, in nested test runs."""

import socket
from pathlib import Path

import pytest
from support.nested import run, run_alone

pytestmark = pytest.mark.usefixtures("few_plugins")


@pytest.fixture
def all_plugins(few_plugins: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the installed plugins, mockscope's by its entry point. Schemathesis' alone takes a second."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:schemathesis")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.delenv("PYTEST_PLUGINS")


def test_each_test_gets_a_fresh_site_on_one_server(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import requests
        seen = []

        def ask(site):
            return requests.get(f"{site.url}/api/v1/users", headers=site.headers).json()["total_users"]

        def test_one(mockscope):
            seen.append(mockscope)
            mockscope.add_user("joey@example.com")
            assert ask(mockscope) == 2

        def test_two(mockscope, mockscope_server):
            (before,) = seen
            assert ask(mockscope) == 1
            assert (before.url, before.host) == (mockscope_server.url, before.host)
            assert before.host != mockscope.host and before.api_key != mockscope.api_key
            # The site of a finished test refuses every request.
            assert requests.get(f"{before.url}/api/v1/users", headers=before.headers).status_code == 403
            assert list(mockscope_server.sites) == [mockscope.host]
        """
    )

    run(pytester).assert_outcomes(passed=2)


def test_markers_are_merged_and_the_nearest_wins(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.mockscope(host="example_site", page_size=2)

        @pytest.mark.mockscope(unknown_groups="create")
        class TestClass:
            @pytest.mark.mockscope(api_key="key", page_size=3)
            def test_all_three(self, mockscope):
                policy = mockscope.policy
                assert (mockscope.host, mockscope.api_key) == ("example_site", "key")
                assert (policy.page_size, policy.unknown_groups) == (3, "create")

        def test_a_site_of_the_server_takes_nothing_from_the_marker(mockscope_server):
            assert mockscope_server.site().policy.page_size == 100

        def test_module_alone(mockscope):
            assert (mockscope.host, mockscope.policy.page_size) == ("example_site", 2)
            assert mockscope.policy.unknown_groups == "reject"
        """
    )

    run(pytester, "--strict-markers").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("marker", "line"),
    [
        ("pagesize=2", "*test_it: the mockscope marker knows no pagesize; did you mean page_size?*"),
        (
            "zzz=2",
            "*test_it: the mockscope marker knows no zzz; known: host, api_key, seed, scenario, *",
        ),
        ("'example_site'", "*test_it: the mockscope marker takes named arguments only*"),
        ("strict='no'", "*test_it: strict of the mockscope marker is True or False, not 'no'"),
        ("contract='false'", "*test_it: contract of the mockscope marker is True or False, not 'false'"),
        ("host=5", "*test_it: host of the mockscope marker is text, not 5"),
        ("seed=5", "*test_it: seed of the mockscope marker is a path or plain data, not 5"),
        (
            "faults={'status': 503}",
            "*test_it: faults of the mockscope marker is a list of planned faults, not {'status': 503}",
        ),
        (
            "faults=[{'operation': 'get_usr', 'status': 503}]",
            "*test_it: the mockscope marker: the fault {'operation': 'get_usr', 'status': 503} is not valid: "
            "there is no operation 'get_usr'; did you mean get_user?",
        ),
        (
            "faults=[5]",
            "*test_it: the mockscope marker: the fault 5 is not valid: a fault is an object of names and values, not 5",
        ),
    ],
)
def test_an_invalid_marker_stops_the_run(pytester: pytest.Pytester, marker: str, line: str) -> None:
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.mockscope({marker})\n"
        "@pytest.mark.parametrize('number', [1, 2])\ndef test_it(mockscope, number): pass\ndef test_other(): pass"
    )

    result = run(pytester)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR collecting *", line, "*short test summary info*"], consecutive=True)


def test_an_invalid_marker_is_shown_under_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.mockscope(pagesize=2)\ndef test_it(mockscope): pass")

    result = run_alone(pytester, "-n", "1")

    result.stdout.fnmatch_lines(["*ERROR collecting *", "*did you mean page_size?*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_an_invalid_marker_added_after_collection_is_an_error_of_its_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.mockscope(pagesize=2))
            items[1].add_marker(pytest.mark.mockscope(faults=[{"operation": "get_usr", "status": 503}]))
        """
    )
    pytester.makepyfile("def test_one(mockscope): pass\ndef test_two(mockscope): pass\ndef test_three(mockscope): pass")

    result = run(pytester)

    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*did you mean page_size?*", "*there is no operation 'get_usr'*"])


@pytest.mark.parametrize(
    ("marker", "line"),
    [
        (
            "page_size=0",
            "the mockscope marker: policy.page_size must be a whole number between 1 and 1000, not 0*",
        ),
        (
            "host='a b'",
            "the mockscope marker: the host 'a b' can't stand in a header: use visible ASCII without blanks",
        ),
        (
            "seed={'mockscope': 1, 'sites': [{'hots': 'a'}]}",
            "the mockscope marker: seed.sites?0?.hots: unknown key hots; did you mean host?",
        ),
        (
            "seed='nosuch.yaml'",
            "can't read the seed nosuch.yaml (the mockscope marker, relative to *): No such file or directory",
        ),
        ("seed='/'", "can't read the seed / (the mockscope marker): Is a directory"),
    ],
)
def test_an_invalid_marker_value_is_one_line_of_its_test(pytester: pytest.Pytester, marker: str, line: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.mockscope({marker})
        def test_it(mockscope): pass

        def test_the_next_is_alone(mockscope, mockscope_server):
            assert list(mockscope_server.sites) == [mockscope.host]
        """
    )

    result = run(pytester)

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at setup of test_it*", line, "*short test summary info*"], consecutive=True)


def seed_in(folder: Path, host: str) -> str:
    seed = folder / "seed.yaml"
    seed.write_text(
        f"mockscope: 1\nsites:\n  - host: {host}\n    users:\n"
        "      - {first_name: Monica, last_name: Geller, email: monica@example.com}\n"
    )
    return str(seed)


@pytest.mark.parametrize("way", ["option", "ini", "marker", "fixture"])
def test_a_seed_can_be_named_in_four_ways(pytester: pytest.Pytester, way: str) -> None:
    seed = seed_in(pytester.path, "example_site")
    arguments = ["--mockscope-seed", seed] if way == "option" else []
    if way == "ini":
        pytester.makeini("[pytest]\nmockscope_seed = seed.yaml")
    if way == "fixture":
        pytester.makeconftest(
            f"""
            import pytest
            from pytest_mockscope import MockscopeConfig

            @pytest.fixture(scope="session")
            def mockscope_config():
                return MockscopeConfig(seed={seed!r})
            """
        )
    marker = f"@pytest.mark.mockscope(seed={seed!r})" if way == "marker" else ""
    pytester.makepyfile(
        f"""
        import pytest
        {marker}
        def test_it(mockscope):
            assert list(mockscope.users) == ["monica@example.com"]
            assert mockscope.host != "example_site"
        """
    )

    run(pytester, *arguments).assert_outcomes(passed=1)


@pytest.mark.parametrize("way", ["option", "marker", "fixture"])
def test_a_relative_seed_is_found_from_where_pytest_was_started(pytester: pytest.Pytester, way: str) -> None:
    seed_in(pytester.path, "example_site")
    if way == "fixture":
        pytester.makeconftest(
            """
            import pytest
            from pytest_mockscope import MockscopeConfig

            @pytest.fixture(scope="session")
            def mockscope_config():
                return MockscopeConfig(seed="seed.yaml")
            """
        )
    marker = '@pytest.mark.mockscope(seed="seed.yaml")' if way == "marker" else ""
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture(autouse=True)
        def elsewhere(tmp_path, monkeypatch):
            monkeypatch.chdir(tmp_path)

        {marker}
        def test_it(mockscope):
            assert list(mockscope.users) == ["monica@example.com"]
        """
    )

    run(pytester, *(["--mockscope-seed=seed.yaml"] if way == "option" else [])).assert_outcomes(passed=1)


def test_a_relative_seed_is_found_from_the_root_where_pytest_is_started_below(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_in(pytester.path, "example_site")
    pytester.makeini("[pytest]")
    tests = pytester.mkdir("tests")
    (tests / "test_it.py").write_text(
        "import pytest\n@pytest.mark.mockscope(seed='seed.yaml')\n"
        "def test_it(mockscope): assert list(mockscope.users) == ['monica@example.com']\n"
    )
    monkeypatch.chdir(tests)

    run(pytester).assert_outcomes(passed=1)


def test_a_site_is_freed_after_its_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import gc, weakref
        import pytest, requests

        sites = []

        @pytest.mark.parametrize("number", range(3))
        def test_that_calls(mockscope, number):
            sites.append(weakref.ref(mockscope))
            requests.get(f"{mockscope.url}/api/v1/users", headers=mockscope.headers)
            assert number != 1

        def test_the_end():
            gc.collect()
            # The traceback of a failure holds the arguments of its test.
            assert [site() for site in sites[::2]] == [None, None]
        """
    )

    run(pytester).assert_outcomes(passed=3, failed=1)


def test_host_and_port_have_ini_values_and_the_option_wins(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockscope_host = 127.0.0.2\nmockscope_port = 1\nmockscope_hint_header = false")
    pytester.makepyfile(
        """
        import requests

        def test_it(mockscope):
            answer = requests.get(f"{mockscope.url}/api/v1/users")
            assert mockscope.url.startswith("http://127.0.0.3:")
            assert "X-Mockscope-Hint" not in answer.headers
        """
    )

    result = run(pytester, "--mockscope-host", "127.0.0.3", "--mockscope-port", "0")

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("ini", "arguments", "line"),
    [
        ("mockscope_port = http", [], "mockscope_port must be a number, from 0 to 65535, not 'http'"),
        ("mockscope_port = 65536", [], "mockscope_port must be a number, from 0 to 65535, not '65536'"),
        ("", ["--mockscope-port", "99999"], "--mockscope-port must be a number, from 0 to 65535, not '99999'"),
        ("", ["--mockscope-port=-1"], "--mockscope-port must be a number, from 0 to 65535, not '-1'"),
        ("mockscope_calls_kept = x", [], "mockscope_calls_kept must be a number, 1 or more, not 'x'"),
        ("mockscope_calls_kept = 0", [], "mockscope_calls_kept must be a number, 1 or more, not '0'"),
        ("mockscope_hint_header = maybe", [], "mockscope_hint_header must be true or false: *'maybe'*"),
        ("mockscope_strict = maybe", [], "mockscope_strict must be true or false: *'maybe'*"),
        ("mockscope_contract = maybe", [], "mockscope_contract must be true or false: *'maybe'*"),
        ("mockscope_calls_kept = " + "9" * 30, [], "mockscope_calls_kept must be a number, 1 or more, not '9*9'"),
    ],
)
def test_an_invalid_option_or_ini_value_stops_the_run(
    pytester: pytest.Pytester, ini: str, arguments: list[str], line: str
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile("def test_it(): pass")

    result = run(pytester, *arguments)

    assert (result.ret, result.outlines) == (pytest.ExitCode.USAGE_ERROR, [])
    result.stderr.fnmatch_lines([f"ERROR: {line}"])


@pytest.mark.parametrize(
    ("ini", "arguments", "namer"),
    [
        ("", ["--mockscope-seed", "nosuch.yaml"], "--mockscope-seed, relative to *"),
        ("mockscope_seed = nosuch.yaml", [], "mockscope_seed"),
    ],
)
def test_a_missing_seed_is_reported_with_its_source(
    pytester: pytest.Pytester, ini: str, arguments: list[str], namer: str
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile("def test_it(mockscope): pass")

    result = run(pytester, *arguments)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_it*",
            f"can't read the seed *nosuch.yaml ({namer}): No such file or directory",
            "*short test summary info*",
        ],
        consecutive=True,
    )


TAKEN = "mockscope can't listen on 127.0.0.1 port {port}: Address already in use; leave mockscope_port at 0: *"


def test_a_port_in_use_is_reported_in_a_line_with_host_and_port(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockscope): pass\ndef test_without(): pass")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(pytester, "--mockscope-port", str(port))

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at setup of test_it*", TAKEN.format(port=port), "*short test summary info*"], consecutive=True
    )


def test_an_error_at_the_start_of_the_server_is_reported_in_one_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocked(*args: object, **options: object) -> None:
        raise RuntimeError("A test tried to use socket.getaddrinfo.")

    monkeypatch.setattr(socket, "getaddrinfo", blocked)
    pytester.makepyfile("def test_it(mockscope): pass")

    result = run(pytester)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "mockscope can't open a port (A test tried to use socket.getaddrinfo.): "
            "start pytest with --allow-hosts=127.0.0.1 in place of --disable-socket"
        ]
    )


def test_an_address_of_another_machine_is_reported_in_one_line(pytester: pytest.Pytester) -> None:
    # 192.0.2.0/24 is reserved for documentation.
    pytester.makepyfile("def test_it(mockscope): pass")

    result = run(pytester, "--mockscope-host", "192.0.2.1")

    result.stdout.fnmatch_lines(["mockscope can't listen on 192.0.2.1 port 0: Cannot assign requested address"])


def test_an_invalid_config_made_in_code_is_explained(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from pytest_mockscope import MockscopeConfig

        @pytest.fixture(scope="session")
        def mockscope_config():
            return MockscopeConfig(port=99999)
        """
    )
    pytester.makepyfile("def test_it(mockscope): pass")

    result = run(pytester)

    result.stdout.fnmatch_lines(
        ["*ERROR at setup of test_it*", "mockscope_config: port is a number from 0 to 65535, not 99999"],
        consecutive=True,
    )


@pytest.mark.usefixtures("all_plugins")
def test_sync_async_threaded_and_unittest_code_use_the_same_server(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio, unittest
        from concurrent.futures import ThreadPoolExecutor
        import httpx, pytest, requests
        import mockscope as package

        def total(site):
            return requests.get(f"{site.url}/api/v1/users", headers=site.headers).json()["total_users"]

        @pytest.mark.asyncio
        async def test_async(mockscope):
            async with httpx.AsyncClient(base_url=mockscope.url, headers=mockscope.headers) as client:
                answers = await asyncio.gather(*(client.get("/api/v1/users") for _ in range(10)))
            assert {answer.json()["total_users"] for answer in answers} == {1}

        def test_threads(mockscope):
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda n: mockscope.add_user(f"joey+{n}@example.com"), range(50)))
            assert total(mockscope) == 51

        class TestPlainUnittest(unittest.TestCase):
            def test_with_a_block(self):
                with package.serve() as server:
                    self.assertEqual(total(server.site()), 1)
        """
    )

    run_alone(pytester).assert_outcomes(passed=3)


def test_xdist_workers_have_a_server_each_and_may_use_the_same_host(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest, requests
        pytestmark = pytest.mark.mockscope(host="example_site", api_key="key")

        @pytest.mark.parametrize("number", range(20))
        def test_it(mockscope, number):
            mockscope.add_user("joey@example.com")
            answer = requests.get(f"{mockscope.url}/api/v1/users", headers=mockscope.headers)
            assert answer.json()["total_users"] == 2
        """
    )

    run_alone(pytester, "-n", "2").assert_outcomes(passed=20)


def test_hypothesis_examples_each_get_a_site(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=20, database=None)
        @given(emails=st.sets(st.sampled_from(["monica@example.com", "joey@example.com", "rachel@example.com"])))
        def test_it(mockscope_server, emails):
            site = mockscope_server.site()
            for email in emails:
                site.add_user(email)
            assert set(site.users) == {"admin@example.com", *emails}
            site.remove()
        """
    )

    run(pytester).assert_outcomes(passed=1)


@pytest.mark.usefixtures("all_plugins")
def test_the_plugin_may_also_be_listed_by_name(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("pytest_plugins = ['pytest_mockscope']")
    pytester.makepyfile("def test_it(mockscope): pass")

    run_alone(pytester, "-p", "pytest_mockscope").assert_outcomes(passed=1)


def test_an_unused_plugin_prints_and_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\ndef test_it(): assert 'mockscope' not in sys.modules")

    result = run_alone(pytester, "-v")

    result.assert_outcomes(passed=1)
    assert [line for line in result.outlines if "mockscope" in line and not line.startswith("plugins:")] == []
