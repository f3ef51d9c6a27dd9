"""One-time codes and passwords by themselves."""

import asyncio
from time import perf_counter

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from summit_core.errors import InputError, OverloadedError
from summit_gateway.users import totp
from summit_gateway.users.passwords import Passwords, require_fit

RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("unix_s", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(unix_s: int, code: str) -> None:
    assert totp.hotp(RFC_SECRET, unix_s // totp.PERIOD_S, digits=8) == code


@given(st.binary(min_size=20, max_size=20), st.integers(10, 2**40), st.integers(-3, 3))
def test_a_code_matches_only_near_its_time(secret: bytes, step: int, off: int) -> None:
    code = totp.hotp(secret, step + off)
    found = totp.matching_step(secret, code, step * totp.PERIOD_S)
    near = {totp.hotp(secret, step + one) for one in (-1, 0, 1)}
    assert (found is not None) == (code in near)
    assert found is None or totp.hotp(secret, found) == code


def test_what_the_secret_before_sealed_is_read_until_it_has_gone() -> None:
    sealed = totp.Seal("old" * 12).seal(RFC_SECRET)
    rotating = totp.Seal("new" * 12, "old" * 12)
    assert rotating.open(sealed) == RFC_SECRET
    assert not rotating.is_newest(sealed)
    assert rotating.is_newest(rotating.seal(RFC_SECRET))
    assert totp.Seal("new" * 12).open(sealed) is None
    assert RFC_SECRET not in sealed


async def test_nobody_takes_as_long_as_somebody() -> None:
    passwords = Passwords()
    stored = await passwords.hash("some words of mine")

    async def took(hash_: str | None) -> float:
        """Best of three: what others on the machine do only makes it longer."""
        times = []
        for _ in range(3):
            began = perf_counter()
            assert not await passwords.verify(hash_, "other words of mine")
            times.append(perf_counter() - began)
        return min(times)

    somebody, nobody = await took(stored), await took(None)
    assert 0.4 < nobody / somebody < 2.5
    assert nobody > 0.004  # it is work, not a look-up
    assert await passwords.verify(stored, "some words of mine")
    assert stored.startswith("$argon2id$")
    passwords.close()


async def test_the_event_loop_goes_on_while_passwords_are_verified() -> None:
    passwords = Passwords()
    stored = await passwords.hash("some words of mine")
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    turning = asyncio.create_task(turn())
    await asyncio.gather(*(passwords.verify(stored, "x") for _ in range(4)))
    turning.cancel()
    assert turns > 20
    passwords.close()


async def test_a_crowd_at_the_door_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("summit_gateway.users.passwords.MAX_WAITING", 3)
    passwords = Passwords()
    answers = await asyncio.gather(*(passwords.verify(None, "x") for _ in range(3 + 5)), return_exceptions=True)
    assert sum(isinstance(answer, OverloadedError) for answer in answers) == 5
    passwords.close()


async def test_older_parameters_are_noticed() -> None:
    passwords = Passwords()
    weak = PasswordHasher(time_cost=1, memory_cost=8192).hash("some words of mine")
    assert passwords.is_outdated(weak)
    assert await passwords.verify(weak, "some words of mine")
    passwords.close()


@pytest.mark.parametrize("password", ["", "eleven char", "\ufb01\ufb01\ufb01"])
def test_short_passwords_are_refused(password: str) -> None:
    with pytest.raises(InputError, match="at least 12"):
        require_fit("ann", password)


async def test_one_password_typed_in_two_ways() -> None:
    passwords = Passwords()
    stored = await passwords.hash("cafe\u0301 at the corner")
    assert await passwords.verify(stored, "café at the corner")
    passwords.close()
