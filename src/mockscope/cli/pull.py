"""The command pull."""

from pathlib import Path
from typing import Any, Literal

import click

from mockscope.cli.options import FILE, RATE
from mockscope.cli.output import FAILED, Progress, check_output, describe_error, print_error, print_line, write_output
from mockscope.cli.remote_options import new_client, read_secret, server_options


@click.command()
@server_options()
@click.option("--output", type=FILE, help="File to write to. Without it: standard output.")
@click.option("--force", is_flag=True, help="Replace an output that pull has not written itself.")
@click.option(
    "--format", "form", type=click.Choice(["yaml", "json"]), help="Without it: by the output's name, else YAML."
)
@click.option("--anonymize", is_flag=True, help="Replace people, and the names of groups, dashboards and the site.")
@click.option("--salt-env", metavar="NAME", help="Variable with the salt of the replacements. Without it: the API key.")
@click.option("--rate", type=RATE, help="Requests a second at most.")
def pull(
    *,
    url: str,
    site: str,
    api_key_env: str,
    output: Path | None,
    force: bool,
    form: Literal["yaml", "json"] | None,
    anonymize: bool,
    salt_env: str | None,
    **options: Any,
) -> int:
    """Write a site elsewhere as a seed, without its key.

    The seed has the users, groups and dashboards. URL is where the server is, without /api/v1.
    """
    if salt_env is not None and not anonymize:
        raise click.UsageError("--salt-env needs --anonymize: nothing else depends on it")
    api_key = read_secret(api_key_env, "the API key")
    salt = read_secret(salt_env, "the salt") if salt_env else f"{site}:{api_key}"
    form = form or ("json" if output is not None and output.suffix == ".json" else "yaml")
    check_output(output)
    from mockscope.remote.anonymize import anonymize_seed
    from mockscope.remote.pull import PullError, is_replaceable, pull_site, render_seed, to_seed

    if output is not None and not force and output.exists() and not is_replaceable(output.read_bytes()):
        raise click.UsageError(f"{output} exists, and pull has not written it: name another file, or add --force")
    try:
        with new_client(url, site, api_key, **options) as client, Progress() as progress:
            seed, warnings = to_seed(pull_site(client, progress), site)
        seed = anonymize_seed(seed, salt.encode()) if anonymize else seed
        write_output(output, render_seed(seed, form), private=not anonymize)
    except KeyboardInterrupt:
        print_error("interrupted before the whole site was read")
        return FAILED
    except (PullError, OSError) as error:
        print_error(describe_error(error))
        return FAILED
    for line in warnings.lines(naming=not anonymize):
        print_line(line)
    if output is not None:
        [made] = seed["sites"]
        counts = ", ".join(f"{len(made[kind])} {kind}" for kind in ("users", "groups", "dashboards"))
        print_line(f"{output}: {counts} of the site {made['host']}")
    return 0
