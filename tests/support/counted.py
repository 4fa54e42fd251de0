"""A string that counts its comparisons, for tests that bound the steps of an algorithm and not its time."""


class Counted(str):
    """A string that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__
