"""``python -m summit_gateway``."""

from summit_core.http.serve import serve
from summit_core.settings import load

from summit_gateway.app import build_app
from summit_gateway.settings import GatewaySettings


def main() -> None:
    settings = load(GatewaySettings)
    serve("api-gateway", settings, lambda: build_app(settings))


if __name__ == "__main__":
    main()
