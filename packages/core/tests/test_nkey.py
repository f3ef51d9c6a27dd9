"""Account keys of NATS: the text forms, and what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from summit_core.security.nkey import AccountKey

# made with the reference implementation (github.com/nats-io/nkeys.py) from 32 bytes of value 7
SEED = "SAAAOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOB6O4U"
PUBLIC = "ADVEU3DD4KOFECV66VIHWEZOYX4ZKR3WV27L464SIIPOU2IUI3JCZW22"


def test_the_text_is_that_of_the_reference() -> None:
    assert AccountKey(SEED).public == PUBLIC


def test_a_new_key_is_of_its_own_and_can_be_kept() -> None:
    made = AccountKey.new()
    assert made.seed.startswith("SA")
    assert made.public.startswith("A")
    assert AccountKey(made.seed).public == made.public != AccountKey.new().public


def test_what_it_signs_can_be_verified() -> None:
    key = AccountKey(SEED)
    known = VerifyKey(bytes(key._key.verify_key))
    assert known.verify(b"hello", key.sign(b"hello")) == b"hello"
    with pytest.raises(BadSignatureError):
        known.verify(b"other", key.sign(b"hello"))


@given(st.text(max_size=80) | st.integers(0, len(SEED) - 1).map(lambda at: SEED[:at] + "9" + SEED[at + 1 :]))
def test_what_is_no_seed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="begins with SA"):
        AccountKey(text)
