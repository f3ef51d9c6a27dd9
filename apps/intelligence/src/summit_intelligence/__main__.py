"""``python -m summit_intelligence``."""

from summit_core.http.serve import serve
from summit_core.settings import load

from summit_intelligence.app import build_app
from summit_intelligence.settings import Settings


def main() -> None:
    settings = load(Settings)
    serve("intelligence", settings, lambda: build_app(settings))


if __name__ == "__main__":
    main()
