"""Names of people, and secrets by which they are known again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.accounts import How, Person, account_id, check_name, new_secret, secret_hash
from cloud.errors import ForbiddenError, NotFoundError, RequestError
from cloud.permissions import EVERYWHERE, Action, Role


@pytest.mark.parametrize("name", ["A. Keller", "Müller", "o'neil", "m.ruiz@plant-1.example", "王芳", "R2+D2"])
def test_names_of_people(name):
    assert check_name(f"  {name} ") == name


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 65, "<b>", "a,b", "plant:gateway", "clock", "NOBODY", "a\0b", "a\u202eb", "=1+1"]
)
def test_what_is_no_name(name):
    with pytest.raises(RequestError, match="name"):
        check_name(name)


@given(st.text(min_size=1, max_size=80))
def test_a_name_that_is_taken_stays_the_same(text):
    try:
        name = check_name(text)
    except RequestError:
        return
    assert check_name(name) == name
    assert account_id(account_id(name)) == account_id(name)
    assert len(account_id(name)) <= 64


def test_two_spellings_are_one_account():
    assert account_id("A.  KELLER") == account_id("a. keller") == account_id("\uff21. Keller")


def test_secrets_have_256_bits_and_are_never_the_same():
    secrets = {new_secret("pp_") for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) == 3 + 43 for secret in secrets)  # 256 bits in 6 each
    assert all(len(secret_hash(secret)) == 64 and secret not in secret_hash(secret) for secret in secrets)


def test_what_somebody_may_not_see_is_not_there_and_what_they_may_not_do_is_forbidden():
    keller = Person("A. Keller", "a. keller", {"press-shop": Role.TECHNICIAN}, How.SESSION)
    keller.check(Action.ANSWER_ALARMS, "press-shop")
    with pytest.raises(ForbiddenError, match="technician"):
        keller.check(Action.SERVICE_ALARMS, "press-shop")
    with pytest.raises(NotFoundError):
        keller.check(Action.VIEW, "paint-shop")
    with pytest.raises(ForbiddenError, match="whole plant"):
        keller.check(Action.READ_AUDIT, EVERYWHERE)
