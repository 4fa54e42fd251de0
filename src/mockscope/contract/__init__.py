"""The contract, openapi.yaml, as Schemathesis tries it."""

from typing import Final

# The environment variables between the command and Schemathesis with our hooks and configuration: the value of the
# auth header, and a URL to POST to before each case.
AUTH_VARIABLE: Final = "MOCKSCOPE_AUTH"
RESET_VARIABLE: Final = "MOCKSCOPE_CONTRACT_RESET_URL"
