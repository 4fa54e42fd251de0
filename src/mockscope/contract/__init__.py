"""The contract, openapi.yaml, as Schemathesis tries it."""
