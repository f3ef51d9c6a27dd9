"""The formats of an export, by name. Pure: each turns items into bytes, a part at a time."""

from typing import Final

from summit_fabric.history.formats.csv import Csv
from summit_fabric.history.formats.format import Format
from summit_fabric.history.formats.geojson import GeoJson
from summit_fabric.history.formats.gpx import Gpx
from summit_fabric.history.formats.kml import Kml
from summit_fabric.history.formats.ndjson import NdJson

FORMATS: Final[dict[str, type[Format]]] = {"ndjson": NdJson, "geojson": GeoJson, "kml": Kml, "gpx": Gpx, "csv": Csv}

__all__ = ["FORMATS", "Format"]
