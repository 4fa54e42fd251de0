import asyncio
import sys

import aiohttp

URL = "https://app.periscopedata.com/api/v1/users"
AUTH = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "mike@example.com",
}


async def main() -> None:
    # aiohttp reads the environment only with this option.
    async with aiohttp.ClientSession(headers=AUTH, trust_env=True) as session:
        asked = session.post(URL, json=PHOEBE) if sys.argv[1] == "create" else session.get(URL)
        try:
            async with asked as response:
                sys.stdout.write(f"{response.status} {await response.text()}")
        except aiohttp.ClientError as error:
            sys.exit(f"no answer: {error}")


asyncio.run(main())
