import http.client
import json
import os
import sys
from urllib.parse import urlsplit

AUTH = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "mike@example.com",
}

URL = "https://api.periscopedata.com/api/v1/users"
url = urlsplit(URL)
# http.client itself does not look at the environment: as programs do that want to.
connection = http.client.HTTPSConnection(urlsplit(os.environ["HTTPS_PROXY"]).netloc)
connection.set_tunnel(url.netloc)
try:
    if sys.argv[1] == "create":
        connection.request("POST", url.path, json.dumps(PHOEBE), AUTH | {"Content-Type": "application/json"})
    else:
        connection.request("GET", url.path, headers=AUTH)
    response = connection.getresponse()
    sys.stdout.write(f"{response.status} {response.read().decode()}")
except OSError as error:
    sys.exit(f"no answer: {error}")
