#!/bin/sh
# Delete a user, and list the remaining emails. The URL and the key are those of production.
set -eu

url=https://app.periscopedata.com/api/v1/users
auth='Http-X-Partner-Auth: example_site:e179017a-62b0-4996-8a38-e91aa9f1'

curl -sSf -o /dev/null -X DELETE -H "$auth" -H "Http-X-Email: $1" "$url"
curl -sSf -H "$auth" "$url" | grep -o '"email":"[^"]*"'
