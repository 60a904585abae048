"""What a hostile script can do outside the sandbox and cannot do inside: a test per property.

`attack` runs one script twice, as a bare process and in the sandbox. Each test first checks
that the attack works outside, so that its failing inside proves something.
"""

from __future__ import annotations

import ast
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import visdm
from visdm.adapters.sandboxes import BareProcess, Bubblewrap
from visdm.adapters.sandboxes.reasons import public
from visdm.errors import SandboxError
from visdm.ports import Computation, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Attack = Callable[..., tuple[Any, Any]]

PRELUDE = """
import json, os, signal, socket, sys, time
job = json.load(open(sys.argv[-1]))
out, given, inputs = job["output"], job["settings"], job["inputs"]
def tries(attempt):
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"
def answer(value):
    with open(out + "/answer.json", "w") as file:
        json.dump({"got": value}, file)
"""
SLEEP = "import time; time.sleep(60)"
PACKAGE = Path(visdm.__file__).parent
SYSTEM_PYTHON = Path("/usr/bin/python3")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the provider is not root here")


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> None:
    try:
        Bubblewrap().check()
    except SandboxError as error:
        pytest.skip(error.message)


def script(text: str) -> tuple[str, str]:
    return ("-c", PRELUDE + textwrap.dedent(text))


def computation(
    settings: Mapping[str, Any], inputs: Mapping[str, Path], **limits: int
) -> Computation:
    return Computation("attack", settings, inputs, Limits(**{"seconds": 60, **limits}))


@pytest.fixture
def attack(tmp_path: Path) -> Attack:
    """Return what the script got outside, and inside."""

    def attack(
        text: str, inputs: Mapping[str, Path] | None = None, **settings: object
    ) -> tuple[Any, Any]:
        job = computation(settings, inputs or {})
        outside = BareProcess(entry=script(text)).run(job, tmp_path / "outside")
        inside = Bubblewrap(entry=script(text)).run(job, tmp_path / "inside")
        return outside["got"], inside["got"]

    return attack


@contextmanager
def bystander(**variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host that has nothing to do with the job."""
    with subprocess.Popen([sys.executable, "-c", SLEEP], env=variables) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def listening(
    family: socket.AddressFamily, address: tuple[str, int] | str
) -> Iterator[socket.socket]:
    """A server of the host that greets whoever connects."""

    def greet() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.sendall(b"hello")

    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind(address)
        server.listen()
        thread = threading.Thread(target=greet)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def processes(token: str) -> list[int]:
    """Return the processes of the host with `token` among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if token.encode() in words:
            found.append(int(path.parent.name))
    return found


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Network


def test_a_tcp_server_of_the_host_is_out_of_reach(attack: Attack) -> None:
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as server:
        outside, inside = attack(
            """
            try:
                with socket.create_connection(("127.0.0.1", given["port"]), 5) as peer:
                    answer(peer.recv(9).decode())
            except OSError as error:
                answer(type(error).__name__)
            """,
            port=server.getsockname()[1],
        )
    assert outside == "hello"
    assert inside == "ConnectionRefusedError"


def test_an_abstract_socket_of_the_host_is_out_of_reach(attack: Attack) -> None:
    name = f"visdm-{secrets.token_hex(8)}"
    with listening(socket.AF_UNIX, f"\0{name}"):
        outside, inside = attack(
            """
            with socket.socket(socket.AF_UNIX) as peer:
                try:
                    peer.connect("\\0" + given["name"])
                    answer(peer.recv(9).decode())
                except OSError as error:
                    answer(type(error).__name__)
            """,
            name=name,
        )
    assert outside == "hello"
    assert inside == "ConnectionRefusedError"


def test_there_is_no_interface_but_a_loopback_of_its_own(attack: Attack) -> None:
    outside, inside = attack("answer([name for _, name in socket.if_nameindex()])")
    if len(outside) == 1:
        pytest.skip("this machine has no network to be kept away from")
    assert inside == ["lo"]


def test_a_datagram_to_the_world_has_no_route(attack: Attack) -> None:
    outside, inside = attack(
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            answer(tries(lambda: peer.connect(("192.0.2.1", 53))))
        """
    )
    if outside != "done":
        pytest.skip("this machine has no route to be kept away from")
    assert inside == "OSError"


# Files


@pytest.mark.parametrize("where", ["temporary", "checkout", "home", "etc"])
def test_a_file_of_the_host_cannot_be_read(attack: Attack, tmp_path: Path, where: str) -> None:
    secret = {
        "temporary": tmp_path / "secret",
        "checkout": Path(__file__),
        "home": Path.home() / f".visdm-{secrets.token_hex(8)}",
        "etc": Path("/etc/passwd"),
    }[where]
    ours = not secret.exists()
    if ours:
        secret.write_text("secret")
    try:
        outside, inside = attack(
            "answer(tries(lambda: open(given['path']).read()))", path=str(secret)
        )
    finally:
        if ours:
            secret.unlink()
    assert outside == "done"
    assert inside == "FileNotFoundError"


def test_another_jobs_input_cannot_be_read(tmp_path: Path) -> None:
    secret = tmp_path / "theirs"
    secret.write_text("pixels of somebody else")
    token = secrets.token_hex(8)
    waiting = script("time.sleep(1.5); answer(open(inputs['secret']).read())")
    theirs = Bubblewrap(entry=(*waiting, token))
    search = """
        found = []
        for top in (given["folder"], "/job", "/dev/shm"):
            for folder, _, names in os.walk(top):
                for path in (os.path.join(folder, name) for name in names):
                    if tries(lambda: open(path, "rb").close()) == "done":
                        if b"pixels of somebody" in open(path, "rb").read():
                            found.append(path)
        answer(found)
        """
    results: list[Mapping[str, Any]] = []
    thread = threading.Thread(
        target=lambda: results.append(
            theirs.run(computation({}, {"secret": secret}), tmp_path / "theirs-out")
        )
    )
    thread.start()
    try:
        until(lambda: processes(token))
        job = computation({"folder": str(tmp_path)}, {})
        outside = BareProcess(entry=script(search)).run(job, tmp_path / "outside")["got"]
        inside = Bubblewrap(entry=script(search)).run(job, tmp_path / "inside")["got"]
        assert processes(token)
    finally:
        thread.join()
    assert results == [{"got": "pixels of somebody else"}]
    assert str(secret) in outside
    assert inside == []


def test_nothing_can_be_written_but_the_output(attack: Attack, tmp_path: Path) -> None:
    data, new = tmp_path / "data", f"visdm-test-{secrets.token_hex(8)}"
    data.write_text("untouched")
    folders = ["/", "/usr/lib", "/dev", "/etc", f"{sys.prefix}/lib", "/job", "/job/inputs", "/code"]
    places = [*(str(Path(folder) / new) for folder in folders), str(tmp_path / new)]
    try:
        outside, inside = attack(
            """
            places = [*given["places"], inputs["data"], sys.argv[-1], sys.executable, json.__file__]
            answer([place for place in places if tries(lambda: open(place, "a").close()) == "done"])
            """,
            {"data": data},
            places=places,
        )
    finally:
        for place in places:
            Path(place).unlink(missing_ok=True)
    assert {places[-1], str(data)} <= set(outside)
    assert inside == []


def test_an_input_cannot_be_linked_into_the_output(attack: Attack, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("pixels")
    outside, inside = attack(
        "answer(tries(lambda: os.link(inputs['data'], out + '/linked')))", {"data": data}
    )
    assert outside == "done"
    assert inside in {"OSError", "PermissionError"}


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])  # noqa: S108 - the job's own
def test_folders_in_memory_are_capped(tmp_path: Path, folder: str) -> None:
    fill = script(
        """
        def fill():
            with open(given["folder"] + "/visdm-test-fill", "wb") as file:
                for _ in range(32):
                    file.write(bytes(1 << 20))
        try:
            answer(tries(fill))
        finally:
            os.unlink(given["folder"] + "/visdm-test-fill")
        """
    )
    job = computation({"folder": folder}, {}, memory=64 << 20)
    assert BareProcess(entry=fill).run(job, tmp_path / "outside") == {"got": "done"}
    assert Bubblewrap(entry=fill).run(job, tmp_path / "inside") == {"got": "OSError"}


@as_root
def test_root_lends_a_private_input_without_opening_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("pixels")
    data.chmod(0o600)
    before = data.stat()
    read = script("answer(open(inputs['data']).read())")
    got = Bubblewrap(entry=read).run(computation({}, {"data": data}), tmp_path / "inside")
    assert got == {"got": "pixels"}
    assert (data.stat().st_mode, data.stat().st_uid) == (before.st_mode, before.st_uid)


# Processes


def test_processes_of_the_host_cannot_be_seen(attack: Attack) -> None:
    with bystander() as process:
        outside, inside = attack("answer([int(n) for n in os.listdir('/proc') if n.isdecimal()])")
    assert process.pid in outside
    assert len(inside) == 2


def test_a_signal_does_not_reach_the_host(attack: Attack) -> None:
    with bystander() as process:
        outside, inside = attack("answer(tries(lambda: os.kill(given['pid'], 0)))", pid=process.pid)
        assert outside == "done"
        assert inside == "ProcessLookupError"


def test_killing_everything_kills_only_the_job(tmp_path: Path) -> None:
    kill_all = script("answer(tries(lambda: os.kill(-1, signal.SIGKILL)))")
    with bystander() as process:
        Bubblewrap(entry=kill_all).run(computation({}, {}), tmp_path / "inside")
        assert process.poll() is None


def test_the_environment_of_the_host_cannot_be_read(attack: Attack) -> None:
    with bystander(VISDM_KEY="a secret") as process:
        assert process.pid
        outside, inside = attack(
            """
            found = []
            for number in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    found.append(open(f"/proc/{number}/environ").read())
                except OSError:
                    pass
            answer("a secret" in " ".join(found))
            """
        )
    assert outside is True
    assert inside is False


def test_open_files_of_the_provider_are_not_passed_on(tmp_path: Path) -> None:
    look = "import os; print(max(int(name) for name in os.listdir('/proc/self/fd')))"
    with (tmp_path / "secret").open("w") as file:
        opened = os.dup2(file.fileno(), 77)
        outside = subprocess.run(
            [sys.executable, "-c", look], close_fds=False, capture_output=True, check=True
        )
        inside = Bubblewrap(
            entry=script("answer(sorted(int(name) for name in os.listdir('/proc/self/fd')))")
        ).run(computation({}, {}), tmp_path / "inside")
        os.close(opened)
    assert int(outside.stdout) >= 77
    assert inside == {"got": [0, 1, 2, 3]}  # the fourth is the listing's own


FORKS = """
    for number in range(given["most"]):
        try:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        except OSError:
            break
    else:
        number += 1
    answer(number)
"""


def test_a_fork_bomb_is_bounded(tmp_path: Path) -> None:
    outside = BareProcess(entry=script(FORKS)).run(
        computation({"most": 60}, {}, processes=100), tmp_path / "outside"
    )
    inside = Bubblewrap(entry=script(FORKS)).run(
        computation({"most": 60}, {}, processes=16), tmp_path / "inside"
    )
    assert outside == {"got": 60}
    assert inside["got"] < 16


@pytest.mark.parametrize("delay", [0, 0.005, 0.02, 0.2])
def test_the_job_dies_with_a_provider_that_is_killed(tmp_path: Path, delay: float) -> None:
    token = secrets.token_hex(8)
    provider = f"""
        from pathlib import Path
        from visdm.adapters.sandboxes import Bubblewrap
        from visdm.ports import Computation
        sandbox = Bubblewrap(entry=("-c", "import os; os.fork(); os.setsid(); {SLEEP}", "{token}"))
        sandbox._checked = True
        sandbox.run(Computation("", {{}}, {{}}), Path({str(tmp_path / "o")!r}))
        """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(provider)]) as process:
        until(lambda: processes(token))
        time.sleep(delay)
        process.kill()
    until(lambda: not processes(token))


# Privileges


def test_there_are_no_capabilities_and_none_can_be_had(attack: Attack) -> None:
    outside, inside = attack(
        """
        with open("/proc/self/status") as file:
            answer(dict(line.rstrip().split(":\\t") for line in file if line[:3] in ("Cap", "NoN")))
        """
    )
    assert int(outside["CapBnd"], 16) != 0
    assert outside["NoNewPrivs"] == "0"
    assert {int(mask, 16) for name, mask in inside.items() if name.startswith("Cap")} == {0}
    assert inside["NoNewPrivs"] == "1"


@as_root
def test_a_job_of_root_has_an_account_of_its_own(tmp_path: Path) -> None:
    seen: dict[str, set[int]] = {}
    look = script("print('progress 1 1', flush=True); time.sleep(0.4); answer(os.getuid())")

    def owners(name: str) -> Callable[[int, int], None]:
        seen[name] = set()
        return lambda *_: seen[name].update(
            Path(f"/proc/{n}").stat().st_uid for n in processes(name)
        )

    for sandbox in (BareProcess, Bubblewrap):
        for turn in ("one", "two"):
            name = f"{sandbox.__name__}-{turn}-{secrets.token_hex(4)}"
            sandbox(entry=(*look, name)).run(computation({}, {}), tmp_path / name, owners(name))
    bare, other_bare, *walled = seen.values()
    assert bare == other_bare == {0}
    accounts = [owner - {0} for owner in walled]  # the first bubblewrap is root's, outside
    assert all(len(account) == 1 for account in accounts)
    assert accounts[0] != accounts[1]


@as_root
def test_root_cannot_be_become(attack: Attack) -> None:
    outside, inside = attack("answer([tries(lambda: os.setuid(0)), os.getuid()])")
    assert outside == ["done", 0]
    assert inside in (["PermissionError", 1000], ["OSError", 1000])


def test_no_further_user_namespace_can_be_made(attack: Attack) -> None:
    outside, inside = attack(
        """
        import ctypes
        CLONE_NEWUSER = 0x10000000
        answer(ctypes.CDLL(None).unshare(CLONE_NEWUSER))
        """
    )
    assert outside == 0
    assert inside == -1


def test_namespaces_are_the_jobs_own(attack: Attack) -> None:
    outside, inside = attack(
        """
        kinds = ("user", "pid", "net", "ipc", "uts", "mnt", "cgroup")
        answer({kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kinds})
        """
    )
    host = {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in outside}
    assert outside == host
    assert not set(inside.values()) & set(host.values())


# Where it cannot be had


def test_without_bubblewrap_the_hint_names_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("prlimit", "choom", "setpriv"):
        (tmp_path / name).symlink_to(shutil.which(name) or pytest.skip(f"{name} is missing"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="bwrap is missing") as caught:
        Bubblewrap().run(computation({}, {}), tmp_path / "output")
    assert "bubblewrap" in caught.value.hint


def provider_elsewhere(
    prefix: list[str],
    python: str | Path,
    text: str,
    **options: Any,  # noqa: ANN401 - of subprocess.run
) -> str:
    """Run a provider's code in other circumstances; return what it printed."""
    done = subprocess.run(
        [*prefix, str(python), "-c", textwrap.dedent(text)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE.parent)},
        check=True,
        capture_output=True,
        text=True,
        **options,
    )
    return str(done.stdout)


def test_without_user_namespaces_there_is_no_sandbox() -> None:
    forbid = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--disable-userns"]
    said = provider_elsewhere(
        forbid,
        sys.executable,
        """
        from visdm.adapters.sandboxes import Bubblewrap
        from visdm.errors import SandboxError
        try:
            Bubblewrap().check()
        except SandboxError as error:
            print(error.message, error.hint)
        """,
    )
    assert said.startswith("no sandbox can be had here: bwrap: ")
    assert "permit user namespaces" in said


def as_nobody(text: str) -> str:
    """Run a provider's code as an account without any privilege; `top` is a folder of its own."""
    if not SYSTEM_PYTHON.exists():
        pytest.skip("there is no Python that another account can run")
    nobody = 65534
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, nobody, nobody)
        start = f"""
            from pathlib import Path
            from visdm.adapters.sandboxes import Bubblewrap
            from visdm.errors import JobError
            from visdm.ports import Computation, Limits
            top = Path({folder!r})
            """
        try:
            return provider_elsewhere(
                [],
                SYSTEM_PYTHON,
                textwrap.dedent(start) + textwrap.dedent(text),
                user=nobody,
                group=nobody,
                extra_groups=[],
            )
        except subprocess.CalledProcessError as error:
            if "ModuleNotFoundError" in error.stderr or "SyntaxError" in error.stderr:
                pytest.skip("the system's Python cannot import the package")
            raise AssertionError(error.stderr) from error


@as_root
def test_a_provider_that_is_not_root_has_the_same_sandbox() -> None:
    attacks = """
        import ctypes
        forks = 0
        try:
            while forks < 60:
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
                forks += 1
        except OSError:
            pass
        answer([
            open(inputs["data"]).read(),
            forks < 16,
            ctypes.CDLL(None).unshare(0x10000000) == -1,
            [name for _, name in socket.if_nameindex()],
            tries(lambda: open(given["secret"])),
            tries(lambda: open(inputs["data"], "a")),
            tries(lambda: open(sys.argv[-1], "a")),
        ])
        """
    said = as_nobody(
        f"""
        for name in ("data", "secret"):
            (top / name).write_text("pixels")
            (top / name).chmod(0o600)
        settings = {{"secret": str(top / "secret")}}
        job = Computation("", settings, {{"data": top / "data"}}, Limits(processes=16))
        print(Bubblewrap(entry={script(attacks)!r}).run(job, top / "output"))
        """
    )
    refused = "'FileNotFoundError', 'OSError', 'OSError'"  # the latter: a read-only file system
    assert said == f"{{'got': ['pixels', True, True, ['lo'], {refused}]}}\n"


@as_root
@pytest.mark.parametrize(
    ("locking", "end"),
    [
        ("os.chmod(out, 0)", "left something that is not a plain file"),
        ("os.chmod(out, 0o444)", "left something that is not a plain file"),
        ("os.mkdir(out + '/a'); os.mkdir(out + '/a/b'); os.chmod(out + '/a', 0)", "left something"),
        ("os.chmod(out + '/answer.json', 0)", "{'got': 1}"),
    ],
)
def test_a_job_cannot_lock_its_provider_out(locking: str, end: str) -> None:
    said = as_nobody(
        f"""
        try:
            entry = {script(f"answer(1); {locking}")!r}
            print(Bubblewrap(entry=entry).run(Computation("", {{}}, {{}}), top / "output"))
        except JobError as error:
            print(error.reason)
        print(list((top / "output").iterdir()))
        """
    )
    assert said.startswith(end)
    assert said.endswith("\n[]\n")


def test_a_hanging_job_is_gone_when_the_provider_interrupts(tmp_path: Path) -> None:
    token = secrets.token_hex(8)

    def interrupt(*_: int) -> None:
        assert processes(token)
        signal.raise_signal(signal.SIGINT)

    entry = script("print('progress 1 2', flush=True); time.sleep(60)")
    with pytest.raises(KeyboardInterrupt):
        Bubblewrap(entry=(*entry, token)).run(computation({}, {}), tmp_path / "o", interrupt)
    assert not processes(token)
    assert list((tmp_path / "o").iterdir()) == []


# What it may say


def reasons_in(path: Path) -> Iterator[list[str]]:
    """Yield the text of each `JobError` that a module raises, "" standing for its variables."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "JobError" and node.args:
            said = node.args[0]
            parts = said.values if isinstance(said, ast.JoinedStr) else [said]
            yield [str(part.value) if isinstance(part, ast.Constant) else "" for part in parts]


FILLINGS = {
    *("package", "3", "image", "bytes", "visdm.toml", "validation.parquet", "build_model"),
    *("while training", " (ValueError)", "row 5 is damaged", "; and 2 more", "shapley, equal"),
}
UNSAID = {("visdm.toml: config.", "", " is set by the platform")}
"""Reasons that hold a stranger's words: they stay in the log."""


def test_every_reason_of_the_programs_is_known_here() -> None:
    """A program's new reason needs a phrase in `reasons.PHRASES`, or a place in `UNSAID`."""
    unknown = []
    for module in sorted((PACKAGE / "compute").glob("*.py")):
        for parts in reasons_in(module):
            choices = [[part] if part else sorted(FILLINGS) for part in parts]
            said = ("".join(chosen) for chosen in itertools.product(*choices))
            if tuple(parts) not in UNSAID and not any(public(text) == text for text in said):
                unknown.append((module.name, *parts))
    assert unknown == []
