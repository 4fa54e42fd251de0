"""Times as the API renders them: UTC, milliseconds, Z."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.friends import unhurried

from mockscope.domain.model import timestamp

OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)


@pytest.mark.rule("USER-1")
@pytest.mark.parametrize(
    ("moment", "rendered"),
    [
        ("2014-02-06T23:46:07.118Z", "2014-02-06T23:46:07.118Z"),
        ("2014-02-06T23:46:07Z", "2014-02-06T23:46:07.000Z"),
        ("2014-02-06T23:46:07.118999+00:00", "2014-02-06T23:46:07.118Z"),
        ("2014-02-07T01:16:07.118+01:30", "2014-02-06T23:46:07.118Z"),
        ("2014-02-06 15:46:07.118-08:00", "2014-02-06T23:46:07.118Z"),
        ("20140206T234607,118+0000", "2014-02-06T23:46:07.118Z"),
        ("2014-W06-4t23:46Z", "2014-02-06T23:46:00.000Z"),
        (datetime(2014, 2, 6, 23, 46, 7, 118999, tzinfo=UTC), "2014-02-06T23:46:07.118Z"),
        (datetime(987, 1, 1, tzinfo=UTC), "0987-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_rendered_in_utc_with_milliseconds(moment: datetime | str, rendered: str) -> None:
    assert timestamp(moment) == rendered


@pytest.mark.rule("USER-1")
@pytest.mark.parametrize(
    "moment",
    [
        "",
        "yesterday",
        "2014-02-06",
        "2014-02-06T23:46:07.118",
        "2014-02-30T00:00:00Z",
        # Some versions of Python parse these.
        "2014-02-06T24:00:00Z",
        "2014-02-06T23:46.5Z",
        "2014-02-06T23:46:07.Z",
        "2014-02-06T23:46:07 +00:00",
        "2014-02-06x23:46:07Z",
        "2014-02-06T23:46:07+00:60",
        "2014-02-06T25:00:00Z",
        datetime(2014, 2, 6),
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_an_invalid_utc_time_is_refused(moment: datetime | str) -> None:
    with pytest.raises(ValueError, match=r"not a time; write it like|offset|range"):
        timestamp(moment)


@pytest.mark.rule("USER-1")
@unhurried
@given(
    moment=st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS),
)
def test_rendering_keeps_milliseconds_and_is_a_fixed_point(moment: datetime) -> None:
    rendered = timestamp(moment)

    assert timestamp(rendered) == rendered
    assert len(rendered) == len("2014-02-06T23:46:07.118Z")
    assert timedelta(0) <= moment - datetime.fromisoformat(rendered) < timedelta(milliseconds=1)
