"""``python -m summit_fabric``."""

from summit_core.http.serve import serve
from summit_core.settings import load

from summit_fabric.app import build_app
from summit_fabric.settings import FabricSettings


def main() -> None:
    settings = load(FabricSettings)
    serve("fabric", settings, lambda: build_app(settings))


if __name__ == "__main__":
    main()
