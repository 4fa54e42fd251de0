"""Queries of the control API cost as many steps as they have parameters."""

import pytest

from mockscope.web.control.bodies import Question, read_query


class Counted(str):
    """A name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("number", [500, 1000])
def test_a_parameter_that_comes_twice_is_found_in_as_many_steps_as_there_are(number: int) -> None:
    pairs = [(Counted(f"name-{place}"), "") for place in range(number)]
    Counted.compared = 0

    with pytest.raises(ValueError, match=f"^name-{number - 1} is there twice: send it once$"):
        read_query([*pairs, (Counted(f"name-{number - 1}"), "")], Question)

    assert Counted.compared <= 8 * number
