import json
import sys
import urllib.request

URL = "https://api.periscopedata.com/api/v1/users"
AUTH = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "mike@example.com",
}

request = urllib.request.Request(URL, headers=AUTH)
if sys.argv[1] == "create":
    request.data = json.dumps(PHOEBE).encode()
    request.add_header("Content-Type", "application/json")
try:
    with urllib.request.urlopen(request) as response:
        sys.stdout.write(f"{response.status} {response.read().decode()}")
except OSError as error:
    sys.exit(f"no answer: {error}")
