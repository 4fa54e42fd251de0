import sys

import requests

URL = "https://app.periscopedata.com/api/v1/users"
AUTH = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "mike@example.com",
}

try:
    if sys.argv[1] == "create":
        response = requests.post(URL, headers=AUTH, json=PHOEBE)
    else:
        response = requests.get(URL, headers=AUTH)
except requests.ConnectionError as error:
    sys.exit(f"no answer: {error}")
sys.stdout.write(f"{response.status_code} {response.text}")
