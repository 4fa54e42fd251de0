"""The format of seeds: parsed, generated, exported, and kept in a state file."""
