"""``python -m summit_fusion``."""

from summit_core.http.serve import serve
from summit_core.settings import load

from summit_fusion.app import build_app
from summit_fusion.settings import FusionSettings


def main() -> None:
    settings = load(FusionSettings)
    serve("fusion", settings, lambda: build_app(settings))


if __name__ == "__main__":
    main()
