"""The guide runs: its file is the block that it shows, and the sensor in it reaches a real broker."""

import importlib.util
from pathlib import Path

import nats

GUIDE = Path(__file__).parents[3] / "docs" / "guide"


def test_the_guide_shows_the_file() -> None:
    source = (GUIDE / "connect_a_sensor.py").read_text()
    assert f"```python\n{source}```\n" in (GUIDE / "connect-a-sensor.md").read_text()
    assert len(source.splitlines()) <= 22


async def test_the_sensor_of_the_guide_is_heard(endpoints: Path, nats_url: str) -> None:
    spec = importlib.util.spec_from_file_location("connect_a_sensor", GUIDE / "connect_a_sensor.py")
    assert spec is not None
    assert spec.loader is not None
    guide = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guide)
    bus = await nats.connect(nats_url)
    stream = await bus.jetstream().add_stream(name="INGEST", subjects=["observations.*", "devices.*.telemetry"])
    sent = await guide.main(str(endpoints), readings=(3.1,))
    info = await bus.jetstream().stream_info(str(stream.config.name))
    await bus.close()
    assert sent == 3  # telemetry, one reading, and the farewell on the status topic
    assert info.state.messages == 2
