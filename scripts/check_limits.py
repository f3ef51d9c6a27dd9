"""Size limits and the rule of the supervision point; lists every violation and exits 1 when there is one.

A Python file has at most 400 lines, a TypeScript file 250, a Python function 60. An ``except`` that catches everything
stands only in the named supervision point. A service builds no HTTP client: each process has one, made by core, because
a client per call costs 55 to 82 ms and 7 to 11 times the throughput (checklist H4).
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
MAX_LINES: Final = {".py": 400, ".ts": 250, ".tsx": 250}
MAX_FUNCTION_LINES: Final = 60
SUPERVISION_POINT: Final = "packages/core/src/summit_core/supervise.py"
ONE_CLIENT: Final = "packages/core/src/summit_core/http/client/session.py"
SERVICES: Final = ("apps/", "packages/core/src/")
CLIENTS: Final = {"ClientSession", "AsyncClient", "Client", "TCPConnector", "PoolManager", "urlopen", "HTTPConnection"}
LIBRARIES: Final = {"aiohttp", "httpx", "requests", "urllib3", "urllib", "http", "niquests", "pyreqwest"}
BROAD: Final = {"Exception", "BaseException"}


def sources() -> list[Path]:
    """Every source file that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return sorted(path for path in paths if path.suffix in MAX_LINES and path.is_file())


def violations(path: Path) -> Iterator[str]:
    """One line for each, beginning with ``file:line``."""
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    lines, limit = len(text.splitlines()), MAX_LINES[path.suffix]
    if lines > limit:
        yield f"{name}:{limit + 1}: file has {lines} lines, at most {limit}"
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(text, filename=name)
    except SyntaxError as error:
        yield f"{name}:{error.lineno}: does not parse with this Python: {error.msg}"
        return
    if _of_service(name):
        yield from (f"{name}:{what}" for what in _clients(tree))
    for node in ast.walk(tree):
        yield from (f"{name}:{what}" for what in _in_node(node, name))


def _in_node(node: ast.AST, name: str) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > MAX_FUNCTION_LINES:
            yield f"{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"
    elif isinstance(node, ast.ExceptHandler) and name != SUPERVISION_POINT and _is_broad(node.type):
        yield f"{node.lineno}: catches everything; only {SUPERVISION_POINT} may"


def _of_service(name: str) -> bool:
    return name.startswith(SERVICES) and "/tests/" not in name and name != ONE_CLIENT


def _clients(tree: ast.AST) -> Iterator[str]:
    """Every place that builds an HTTP client, or calls without one (``requests.get``)."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {(one.asname or one.name.partition(".")[0]): one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {(one.asname or one.name): f"{node.module}.{one.name}" for one in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, _, rest = ast.unparse(node.func).partition(".")
            called = f"{imported.get(first, '')}.{rest}".strip(".")
            library, last = called.partition(".")[0], called.rpartition(".")[2]
            if library in LIBRARIES and (last in CLIENTS or library == "requests"):
                yield f"{node.lineno}: builds an HTTP client; take the one of the process ({ONE_CLIENT})"


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(each, ast.Name) and each.id in BROAD for each in names)


def main() -> None:
    found = [line for path in sources() for line in violations(path)]
    for line in found:
        print(line)
    print(f"limits: {len(found)} violations")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
