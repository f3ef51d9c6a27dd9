"""A carbon monoxide sensor. Run it beside `summit up`: python docs/guide/connect_a_sensor.py"""

import asyncio
from collections.abc import Iterable

from summit_sdk import Device


async def main(endpoints: str = ".summit/endpoints.json", readings: Iterable[float] = (3.1, 3.4, 9.8)) -> int:
    async with Device.from_endpoints(endpoints, "gas-7") as sensor:
        sensor.telemetry(category="sensor", lat=39.801, lon=-121.402, label="Ridge road gas sensor")
        for ppm in readings:
            sensor.observe("measurement", quantity="carbon_monoxide", value=ppm, unit="ppm", lat=39.801, lon=-121.402)
            await asyncio.sleep(0.5)
        await sensor.flush()
    return sensor.sent


if __name__ == "__main__":
    asyncio.run(main())
