"""The parts of the registry, each by itself: rights, credentials, signed answers, links, the broker's log."""

import base64
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.audit.trail import Trail
from summit_core.clock import ManualClock
from summit_core.errors import MalformedError
from summit_core.model import Credential, Denial, Link, Principal, Registration, Role
from summit_core.security.broker import Rights, rights_of
from summit_core.security.decision import Thing
from summit_core.security.nkey import AccountKey
from summit_core.security.token import digest, new_token
from summit_fabric.registry.callout import Callout
from summit_fabric.registry.certificates import Certificates
from summit_fabric.registry.credentials import Credentials, Held
from summit_fabric.registry.denied import Violation, beginning_of, read_on, violations
from summit_fabric.registry.jwt import Issuer, read_request
from summit_fabric.registry.links import Judgement, Sign, judge_link, through
from summit_fabric.registry.rights import Grants, owner_of
from summit_fabric.registry.service import with_copies
from summit_fabric.registry.store import Denied

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
KEYS = st.from_regex(r"[A-Za-z0-9_:\-]{1,64}", fullmatch=True)
UNKNOWN = Judgement(Link.NEVER)


class Table:
    """Stands in for the database."""

    def __init__(self) -> None:
        self.rows: list[Held] = []

    async def credentials(self, ended_after: datetime, device: str | None = None) -> list[Held]:
        return [held for held in self.rows if device in {None, held.device}]

    def issue(self, device: str, *reach: Any, **ends: datetime) -> str:
        identifier, token = new_token()
        credential = Credential(id=identifier, issued_at=NOW, issued_by="ada", **ends)
        self.rows.append(Held(credential, device, digest(token), *reach))
        return token


# --- rights


def rights_for(device: str, own: set[str]) -> Rights:
    who = Principal(id="c", name=device, role=Role.DEVICE)
    return rights_of(who, {key: Thing(voices=(key, device)) for key in own})


@given(device=KEYS, behind=st.sets(KEYS, max_size=4), stranger=KEYS)
def test_every_right_is_on_a_subject_of_its_own(device: str, behind: set[str], stranger: str) -> None:
    own = {device, *behind}
    rights = rights_for(device, own)
    for subject in rights.publish:
        assert [part for part in subject.split(".") if part in own]
        assert ">" not in subject
    for subject in rights.subscribe:
        assert subject == "$MQTT.sub.>" or subject.split(".")[1] in own
    if stranger not in own:
        assert f"tasks.{stranger}.dispatch" not in rights.subscribe
        assert rights_for(device, own | {stranger}).digest != rights.digest
    assert owner_of(device) == owner_of(f"{device}/second") == device


# --- credentials


async def test_a_credential_holds_for_its_device_and_its_time() -> None:
    table, clock = Table(), ManualClock(NOW)
    credentials = Credentials(table, clock)
    lasting, short = table.issue("a"), table.issue("a", expires_at=NOW + timedelta(seconds=5))
    revoked, other = table.issue("a", revoked_at=NOW), table.issue("b")
    assert not credentials.loaded.is_set()
    assert await credentials.refresh()
    assert not await credentials.refresh()
    assert isinstance(credentials.verify("a", lasting), Held)
    assert isinstance(credentials.verify("a", short), Held)
    assert credentials.next_end() == NOW + timedelta(seconds=5)
    assert credentials.verify("a", revoked) == "revoked"
    for wrong in (other, "", lasting[:-1], lasting + "0", lasting.upper(), "smt_x_y"):
        assert credentials.verify("a", wrong) == "wrong"
    clock.advance(5)
    assert credentials.verify("a", short) == "expired"
    assert credentials.next_end() is None
    assert [credentials.is_good(held.credential.id) for held in table.rows] == [True, False, False, True]


async def test_the_time_to_refuse_tells_nothing_of_the_secret() -> None:
    """A guess whose beginning is right takes as long as one that is wrong from the start, and as an unknown id."""
    table = Table()
    token = table.issue("a")
    for _ in range(200):
        table.issue("b")
    credentials = Credentials(table, ManualClock(NOW))
    await credentials.refresh()
    head = token[: -len("0" * 64)]
    secret = token[len(head) :]
    flipped = [("0" if letter != "0" else "1") for letter in secret]
    guesses = {
        "first letter": head + flipped[0] + secret[1:],
        "last letter": head + secret[:-1] + flipped[-1],
        "all letters": head + "".join(flipped),
        "unknown id": "smt_" + "f" * 12 + "_" + secret,
    }
    times = _median_times({name: lambda guess=guess: credentials.verify("a", guess) for name, guess in guesses.items()})
    assert max(times.values()) < 1.5 * min(times.values()), times


def _median_times(tries: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """In alternating rounds, so that what else the machine does falls on all alike."""
    taken: dict[str, list[int]] = {name: [] for name in tries}
    for _ in range(3000):
        for name, work in tries.items():
            began = time.perf_counter_ns()
            work()
            taken[name].append(time.perf_counter_ns() - began)
    return {name: statistics.median(times) for name, times in taken.items()}


# --- signed answers


KEY = AccountKey.new()


def _claims(token: bytes) -> dict[str, Any]:
    head, claims, signature = (base64.urlsafe_b64decode(part + b"==") for part in token.split(b"."))
    assert signature == KEY.sign(token.rpartition(b".")[0])  # Ed25519 is deterministic
    assert msgspec.json.decode(head) == {"typ": "JWT", "alg": "ed25519-nkey"}
    return dict(msgspec.json.decode(claims))


def _request(password: str = "secret", **changed: Any) -> bytes:
    nats: dict[str, Any] = {
        "server_id": {"id": "NSERVER"},
        "user_nkey": "UUSER",
        "client_info": {"type": "mqtt", "mqtt_id": "a", "host": "::1", "id": 7},
        "connect_opts": {"user": "a", "pass": password},
    }
    nats |= changed
    return b"e30." + base64.urlsafe_b64encode(msgspec.json.encode({"nats": nats})).rstrip(b"=") + b".c2ln"


def test_an_answer_is_for_one_connection_at_one_server() -> None:
    issuer, request = Issuer(KEY.seed, "$G"), read_request(_request())
    answer = _claims(issuer.allow(request, "a/1/2", rights_for("a", {"a"}), now=NOW, until=NOW + timedelta(hours=1)))
    assert (answer["sub"], answer["aud"], answer["iss"]) == ("UUSER", "NSERVER", KEY.public)
    user = _claims(answer["nats"]["jwt"].encode())
    assert (user["sub"], user["aud"], user["name"], user["exp"]) == ("UUSER", "$G", "a/1/2", NOW.timestamp() + 3600)
    assert user["nats"]["pub"]["allow"] == list(rights_for("a", {"a"}).publish)
    assert user["nats"]["allowed_connection_types"] == ["MQTT"]
    refused = _claims(issuer.refuse(request, "wrong", now=NOW))["nats"]
    assert (refused["error"], "jwt" in refused) == ("wrong", False)


@given(st.binary(max_size=400) | st.lists(st.binary(max_size=60), min_size=3, max_size=3).map(b".".join))
def test_a_malformed_request_is_said_to_be_so(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_request(data)


class Registered:
    """Stands in for the mirror and for what it says of nodes: ``a`` is registered, nothing stands behind it."""

    def changes(self, _: str) -> dict[str, None]:
        return {"a": None}

    def get(self, _: str, key: str, __: type) -> tuple[Registration, int]:
        words = {"kind": "source", "label": "", "by": "ada", "link": Link.NEVER}
        return Registration(id=key, registered_at=NOW, updated_at=NOW, **words), 1

    def of(self, _: str) -> frozenset[str]:
        return frozenset()


async def test_without_a_system_account_no_connection_lasts_longer_than_it_may() -> None:
    table = Table()
    token = table.issue("a")
    soon = table.issue("a", expires_at=NOW + timedelta(minutes=5))
    of_another, narrowed = table.issue("a", "north"), table.issue("a", "default", (), ("observe",))
    credentials = Credentials(table, ManualClock(NOW))
    await credentials.refresh()
    world: Any = Registered()
    bus: Any = None
    trail, issuer = Trail(bus, ManualClock(NOW)), Issuer(KEY.seed, "$G")
    without = Certificates(demanded=False, revoked=None)
    callout = Callout(
        bus, world, Grants(world, world), credentials, without, issuer, trail, ManualClock(NOW), timedelta(hours=1)
    )
    for password, lasts_s in ((token, 3600), (soon, 300)):
        answer = callout.answer(_request(password))
        assert answer is not None
        user = _claims(_claims(answer)["nats"]["jwt"].encode())
        assert user["exp"] == NOW.timestamp() + lasts_s
    for changed, outcome in (
        ({"client_info": {"type": "nats", "mqtt_id": "a"}}, "not_mqtt"),
        ({"client_info": {"type": "mqtt", "mqtt_id": "b"}}, "client_id"),
        ({"connect_opts": {"user": "b", "pass": token}}, "wrong"),
        ({"connect_opts": {"user": "a", "pass": of_another}}, "denied"),
        ({"connect_opts": {"user": "a", "pass": narrowed}}, "denied"),
    ):
        answer = callout.answer(_request(token, **changed))
        assert answer is not None
        assert _claims(answer)["nats"]["error"] == f"refused: {outcome}"
    assert callout.answer(b"x.y.z") is None


# --- links


def _ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("observed", "beat", "ended", "known", "expected"),
    [
        (None, None, None, UNKNOWN, Link.NEVER),
        (1, None, None, UNKNOWN, Link.ONLINE),
        (20, None, None, Judgement(Link.ONLINE), Link.STALE),
        (200, None, None, Judgement(Link.STALE), Link.OFFLINE),
        (200, 10, None, Judgement(Link.ONLINE), Link.ONLINE),  # silent, but it says that it is there
        (5, 10, 3, Judgement(Link.ONLINE), Link.OFFLINE),  # the last will came after all that it said
        (5, 10, 7, Judgement(Link.OFFLINE), Link.ONLINE),  # it came back
        (None, None, 3, UNKNOWN, Link.OFFLINE),
        (None, None, None, Judgement(Link.OFFLINE, "why"), Link.OFFLINE),
    ],
)
def test_the_link(
    observed: float | None, beat: float | None, ended: float | None, known: Judgement, expected: Link
) -> None:
    signs = [
        Sign(None if observed is None else _ago(observed), 5.0),
        Sign(None if beat is None else _ago(beat), 20.0),
    ]
    judged = judge_link(signs, None if ended is None else _ago(ended), known, since=_ago(10_000), now=NOW)
    assert judged.link is expected
    assert bool(judged.reason) == (expected in {Link.STALE, Link.OFFLINE})


def test_our_own_silence_is_not_held_against_them() -> None:
    signs = [Sign(None, 5.0)]
    online = Judgement(Link.ONLINE)
    assert judge_link(signs, None, online, since=_ago(3), now=NOW).link is Link.ONLINE
    assert judge_link(signs, None, online, since=_ago(20), now=NOW).link is Link.STALE


@given(st.sampled_from(Link), st.sampled_from(Link))
def test_nothing_is_better_connected_than_its_node(above: Link, own: Link) -> None:
    order = [Link.ONLINE, Link.STALE, Link.OFFLINE, Link.NEVER]
    judged = through("edge", Judgement(above, "cut"), Judgement(own, "own"))
    if above is Link.NEVER:
        assert judged.link is own
    else:
        assert order.index(judged.link) == max(order.index(above), order.index(own))
    assert ("edge" in judged.reason) == (judged.link is not own)


# --- the broker's log


def _line(client: str, subject: str, user: str = "") -> bytes:
    said = f'User "{user}", ' if user else ""
    return (
        f'[7] 2026/11/23 03:40:00.323835 [ERR] 127.0.0.1:1 - mid:8 - "{client}" - Publish Violation - '
        f'{said}Subject "{subject}"\n'
    ).encode()


def test_violations_are_read_from_the_log() -> None:
    forged = r"x\"\n[7] 2026/11/23 03:40:00.323835 [ERR] 1 - mid:1 - \"gas-7\" - Publish Violation - Subject \"a\""
    log = (
        b"[7] 2026/11/23 03:40:00.3 [INF] Server is ready\n"
        + _line("gas-7/2", "devices.b.status")
        + _line("cam", "world.x", user="device")
        + f'[7] 2026/11/23 03:40:00.3 [ERR] ::1:1 - mid:9 - "{forged}" - invalid character in client ID\n'.encode()
        + b'[7] 2026/11/23 03:40:00.3 [ERR] 127.0.0.1:1 - mid:8 - "a" - Subscription Violation - Subject ">", SID >\n'
    )
    assert violations(log) == [Violation("gas-7/2", "devices.b.status"), Violation("cam", "world.x")]


@given(
    pieces=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=8), limit=st.integers(200, 500)
)
def test_each_line_is_read_once_however_the_log_is_cut_and_rotated(
    pieces: list[tuple[int, bool, bool]], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "nats.log"
    path.touch()
    place = beginning_of(path)
    written = read = number = 0

    def follow() -> None:
        nonlocal place, read
        while (piece := read_on(path, place, limit)) is not None:
            read += len(violations(piece.text))
            place = piece.place

    for lines, half, rotate in pieces:
        follow()
        for _ in range(lines):
            line = _line("a", f"s.{number}")
            number += 1
            with path.open("ab") as log:
                log.write(line[:20])
                log.flush()
                if half:
                    follow()
                log.write(line[20:])
            written += 1
        if rotate:
            path.rename(path.with_name(f"nats.log.{number}.{len(list(path.parent.iterdir()))}"))
            path.touch()
    follow()
    assert read == written


def test_a_log_that_was_cut_short_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "nats.log"
    assert read_on(path, None) is None
    path.write_bytes(_line("a", "s.1") * 3)
    piece = read_on(path, None)
    assert piece is not None
    path.write_bytes(_line("a", "s.2"))
    again = read_on(path, piece.place)
    assert again is not None
    assert violations(again.text) == [Violation("a", "s.2")]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=60))
def test_a_flood_of_denials_writes_few_versions_and_ends_exact(steps: list[int]) -> None:
    registration = Registration(
        id="a", kind="source", label="", registered_at=NOW, updated_at=NOW, by="ada", link=Link.NEVER
    )
    versions, count, now = 0, 0, NOW
    for step in steps:
        count, now = count + step, now + timedelta(milliseconds=500)
        denied = Denied(count, Denial(at=now, subject="s"))
        changed = with_copies(registration, credentials=(), denied=denied, now=now)
        versions += changed != registration
        registration = changed
        assert registration.denied <= count < 2 * max(registration.denied, 101)
    assert versions <= 100 + 20
    last = with_copies(registration, credentials=(), denied=denied, now=now + timedelta(seconds=30))
    assert last.denied == count
