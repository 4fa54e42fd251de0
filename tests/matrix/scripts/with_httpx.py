import sys

import httpx

URL = "https://app.periscopedata.com/api/v1/users"
AUTH = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "mike@example.com",
}

with httpx.Client(headers=AUTH) as client:
    try:
        response = client.post(URL, json=PHOEBE) if sys.argv[1] == "create" else client.get(URL)
    except httpx.TransportError as error:
        sys.exit(f"no answer: {error}")
sys.stdout.write(f"{response.status_code} {response.text}")
