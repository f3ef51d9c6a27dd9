"""``python -m summit_tasking``."""

from summit_core.http.serve import serve
from summit_core.settings import load

from summit_tasking.app import build_app
from summit_tasking.settings import Settings


def main() -> None:
    settings = load(Settings)
    serve("tasking", settings, lambda: build_app(settings))


if __name__ == "__main__":
    main()
