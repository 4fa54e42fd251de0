set -eu
url=https://api.periscopedata.com/api/v1/users
auth='Http-X-Partner-Auth: example_site:e179017a-62b0-4996-8a38-e91aa9f1'
phoebe='{"first_name":"Phoebe","last_name":"Buffay","email":"phoebe@example.com","invited_by_email":"mike@example.com"}'
said=$(mktemp)
trap 'rm -f "$said"' EXIT

if [ "$1" = create ]; then
    set -- --header 'Content-Type: application/json' --post-data "$phoebe"
else
    set --
fi
body=$(wget -qSO- --tries 1 --header "$auth" "$@" "$url" 2>"$said") || exit 1
status=$(sed -n 's|^ *HTTP/1.1 \([0-9]*\).*|\1|p' "$said" | tail -n 1)
printf '%s %s' "$status" "$body"
