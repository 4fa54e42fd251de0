"""The checks of `mockscope check`: requests to any server, and the responses that the rules expect.

The package does not use mockscope's own server.
"""
