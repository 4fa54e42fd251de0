"""The inspector at /_mockscope/ and the API reference at /docs: pages, and the policies under which browsers run them.

The folder static/ has the files of the inspector. The folder swagger_ui/ has those of swagger-ui-dist 5.35.0 from npm,
unchanged and with their licences, and two of our own: index.html and initializer.js.
"""
