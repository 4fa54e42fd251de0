"""The records of the service have the fields of the vendor's page."""

from mockscope import Group, User
from mockscope._vendor import GROUP_FIELDS, USER_FIELDS


def test_a_user_has_the_fields_of_the_page_in_its_order() -> None:
    assert User.__struct_fields__ == USER_FIELDS


def test_a_group_has_the_fields_of_the_page_in_its_order() -> None:
    assert Group.__struct_fields__ == GROUP_FIELDS
