"""The sites of a server, as its users handle them in Python: records, calls, planned faults, clock."""
