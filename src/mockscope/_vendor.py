"""The facts of the vendor's service that several packages need. Each stands here once."""

from typing import Final

# The hosts of base URLs, on the page and in public clients. Nothing is sent to them unless a user names one.
VENDOR_HOSTS: Final = ("app.periscopedata.com", "api.periscopedata.com")
