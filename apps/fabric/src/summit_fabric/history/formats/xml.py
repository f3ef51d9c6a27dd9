"""Text in XML 1.0."""

import re
from typing import Final
from xml.sax.saxutils import escape

_forbidden: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: object) -> str:
    """Escaped, and without the characters that XML cannot hold: each becomes U+FFFD, the replacement."""
    return escape(_forbidden.sub("\ufffd", str(value)), {'"': "&quot;"})


def element(name: str, value: object) -> str:
    """Nothing where there is no value."""
    return "" if value is None or value == "" else f"<{name}>{text(value)}</{name}>"
