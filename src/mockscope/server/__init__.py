"""The server on a socket: uvicorn, its ports, certificates and the proxy."""
