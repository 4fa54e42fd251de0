"""Parsing a query of the control API takes linear time."""

import pytest
from support.counted import Counted

from mockscope.web.control.schemas import CallCriteria, read_query


@pytest.mark.parametrize("number", [500, 1000])
def test_a_repeated_parameter_is_found_in_linear_time(number: int) -> None:
    pairs = [(Counted(f"name-{place}"), "") for place in range(number)]
    Counted.compared = 0

    with pytest.raises(ValueError, match=f"^name-{number - 1} is there twice: send it once$"):
        read_query([*pairs, (Counted(f"name-{number - 1}"), "")], CallCriteria)

    assert Counted.compared <= 8 * number
