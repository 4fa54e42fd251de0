"""Queries of the control API cost as many steps as they have parameters."""

import pytest
from support.counted import Counted

from mockscope.web.control.schemas import Question, read_query


@pytest.mark.parametrize("number", [500, 1000])
def test_a_parameter_that_comes_twice_is_found_in_as_many_steps_as_there_are(number: int) -> None:
    pairs = [(Counted(f"name-{place}"), "") for place in range(number)]
    Counted.compared = 0

    with pytest.raises(ValueError, match=f"^name-{number - 1} is there twice: send it once$"):
        read_query([*pairs, (Counted(f"name-{number - 1}"), "")], Question)

    assert Counted.compared <= 8 * number
