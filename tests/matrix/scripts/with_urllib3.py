import os
import sys

import urllib3

URL = "https://app.periscopedata.com/api/v1/users"
AUTH = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "mike@example.com",
}

# urllib3 itself does not look at the environment: as programs do that want to.
with urllib3.ProxyManager(os.environ["HTTPS_PROXY"], headers=AUTH, retries=False) as pools:
    try:
        response = pools.request("POST", URL, json=PHOEBE) if sys.argv[1] == "create" else pools.request("GET", URL)
    except urllib3.exceptions.HTTPError as error:
        sys.exit(f"no answer: {error}")
sys.stdout.write(f"{response.status} {response.data.decode()}")
