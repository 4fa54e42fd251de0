set -eu
url=https://app.periscopedata.com/api/v1/users
auth='Http-X-Partner-Auth: example_site:e179017a-62b0-4996-8a38-e91aa9f1'
phoebe='{"first_name":"Phoebe","last_name":"Buffay","email":"phoebe@example.com","invited_by_email":"mike@example.com"}'

if [ "$1" = create ]; then
    body=$(curl -sS -w ' %{http_code}' -H "$auth" -H 'Content-Type: application/json' -d "$phoebe" "$url/") || exit 1
else
    body=$(curl -sS -w ' %{http_code}' -H "$auth" "$url") || exit 1
fi
printf '%s %s' "${body##* }" "${body% *}"
