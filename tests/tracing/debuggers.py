"""Real debuggers for tests: programs of a user run under pdb and debugpy over an installed copy of the engine.

The copy is in the site-packages of a fresh virtual environment, where debuggers take it for a library and not for the
user's own code. It holds what the wheel holds: the packages that pyproject.toml lists. Nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
TIMEOUT = 60  # seconds for a program and its debugger; one or two of them on an idle machine
PROMPT = "(Pdb) "


def install(folder: Path) -> Path:
    """Make a virtual environment with the packages of the wheel; its Python is returned."""
    # Links to Python as "python -m venv" makes them: on Windows copies. Nothing is installed by pip, so it is left out.
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True, timeout=TIMEOUT).stdout
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        shutil.copytree(ROOT / package, Path(site.strip()) / package, ignore=shutil.ignore_patterns("__pycache__"))
    return python


def environment(**variables: str) -> dict[str, str]:
    """The environment of a program that shall find the installed engine and nothing of this process."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "PYDEVD", "COVERAGE"))}
    return kept | {"PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"} | variables


def pdb(python: Path, program: Path, commands: list[str], *, under: bool = True, **variables: str) -> list[str]:
    """Run a program, under pdb or until its own ``breakpoint()``; what it prints between the prompts."""
    done = subprocess.run(
        [python, *(["-m", "pdb"] if under else []), program.name],
        input="".join(f"{command}\n" for command in commands),
        capture_output=True, encoding="utf-8", env=environment(**variables), cwd=program.parent, timeout=TIMEOUT,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return [text.strip() for text in done.stdout.split(PROMPT)]


class Client:
    """A client of the Debug Adapter Protocol (microsoft.github.io/debug-adapter-protocol), as small as it can be."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self.requests = requests
        self.answers = answers
        self.sent = 0
        self.events: list[dict[str, Any]] = []

    def send(self, command: str, **arguments: Any) -> int:
        """Send a request without waiting for its response."""
        self.sent += 1
        body = json.dumps({"seq": self.sent, "type": "request", "command": command, "arguments": arguments}).encode()
        self.requests.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.requests.flush()
        return self.sent

    def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the body of its response; events that come before are kept."""
        number = self.send(command, **arguments)
        while True:
            message = self._read()
            if message["type"] == "response" and message["request_seq"] == number:
                assert message["success"], f"{command}: {message.get('message')}"
                return message.get("body") or {}

    def event(self, *names: str) -> dict[str, Any]:
        """The next event of one of these names."""
        while True:
            for place, event in enumerate(self.events):
                if event["event"] in names:
                    return self.events.pop(place)
            self._read()

    def _read(self) -> dict[str, Any]:
        length = 0
        while line := self.answers.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            raise EOFError("the debugger has hung up")
        message: dict[str, Any] = json.loads(self.answers.read(length))
        if message["type"] == "event":
            self.events.append(message)
        return message


class Debugger:
    """A program under debugpy, from one stop to the next."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.thread = 0

    def stopped(self) -> bool:
        """Wait for the next stop; False if the program has ended instead."""
        event = self.client.event("stopped", "terminated")
        self.thread = event.get("body", {}).get("threadId", self.thread)
        return bool(event["event"] == "stopped")

    def go(self, command: str) -> bool:
        """``continue``, ``next``, ``stepIn`` or ``stepOut``; whether the program has stopped again."""
        self.client.request(command, threadId=self.thread)
        return self.stopped()

    def frame(self) -> dict[str, Any]:
        """The frame on top of the stack: its name, file and line."""
        found: dict[str, Any] = self.client.request("stackTrace", threadId=self.thread)["stackFrames"][0]
        return found | {"file": Path(found["source"]["path"]).name}

    def variables(self) -> dict[str, str]:
        """The local variables of that frame, as the debugger shows them."""
        scopes = self.client.request("scopes", frameId=self.frame()["id"])["scopes"]
        reference = next(scope["variablesReference"] for scope in scopes if scope["name"] == "Locals")
        found = self.client.request("variables", variablesReference=reference)["variables"]
        return {variable["name"]: variable["value"] for variable in found}

    def evaluate(self, expression: str) -> str:
        """What an expression is in that frame."""
        return str(self.client.request("evaluate", expression=expression, frameId=self.frame()["id"])["result"])


@contextmanager
def debugpy(
    python: Path, program: Path, breakpoints: dict[int, str], *, just_my_code: bool = True
) -> Iterator[Debugger]:
    """Launch a program as VS Code does, with breakpoints, given as line and condition ("" for none)."""
    import debugpy as package

    adapter = subprocess.Popen(
        [sys.executable, Path(package.__file__).with_name("adapter")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(),
    )  # fmt: skip
    assert adapter.stdin is not None
    assert adapter.stdout is not None
    patience = threading.Timer(TIMEOUT, adapter.kill)  # then what waits for an answer gets the end of the stream
    patience.start()
    client = Client(adapter.stdin, adapter.stdout)
    try:
        client.request("initialize", adapterID="test", pathFormat="path")
        client.send(
            "launch", program=str(program), python=[str(python)], cwd=str(program.parent), env=environment(),
            console="internalConsole", justMyCode=just_my_code,
        )  # fmt: skip
        client.event("initialized")
        wanted = [{"line": line, "condition": condition or None} for line, condition in breakpoints.items()]
        client.request("setBreakpoints", source={"path": str(program)}, breakpoints=wanted)
        client.request("configurationDone")
        yield Debugger(client)
    finally:
        with suppress(OSError, EOFError):  # the adapter has been killed, for want of an answer
            client.request("disconnect", terminateDebuggee=True)
        patience.cancel()
        adapter.kill()
        adapter.wait()
        adapter.stdin.close()
        adapter.stdout.close()
