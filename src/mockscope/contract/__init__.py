"""The contracts of the two APIs: the documents, the validation of calls, and hooks for Schemathesis."""
