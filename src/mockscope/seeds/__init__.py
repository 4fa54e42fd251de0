"""Seeds: their format, parser and export, generated records, and state files."""
