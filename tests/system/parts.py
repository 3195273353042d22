"""Real parts for system tests, each in a folder and on ports of its own, each
ended by the pid it was started with, also when a test fails."""
import contextlib
import ctypes
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import tap

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build-check"))
SHARED = pathlib.Path(os.environ.get("SHARED", ROOT.parent / "shared"))
DMARCD = BUILD / "apps/dmarcd"
DMARC = BUILD / "apps/dmarc"
DEMO_MTA = BUILD / "apps/demo-mta"
MESSAGES = ROOT / "apps/demo/messages"
PATIENCE = 180  # seconds until something that should happen is given up


_ports = []  # names that are kept until this process ends


def free_port():
    """For TCP and UDP, and of no other test until this one ends: between here
    and who listens there another might be told the same. Below the ports that
    the kernel gives to connections, one of which might take it, too."""
    while True:
        place = "127.0.0.1", random.randrange(10000, 32768)
        name = socket.socket(socket.AF_UNIX)
        with socket.socket() as tcp, socket.socket(
                type=socket.SOCK_DGRAM) as udp, \
                contextlib.suppress(OSError):
            tcp.bind(place)
            udp.bind(place)
            name.bind(f"\0dmarcd-test-port-{place[1]}")
            _ports.append(name)
            return place[1]
        name.close()


def landlock():
    """Its version; less than 1: this kernel has none."""
    return ctypes.CDLL(None).syscall(444, None, 0, 1)


def wait_for(what, condition, process=None):
    """Waits until CONDITION() is true; says WHAT was waited for in vain."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.05)
    ended = "" if process is None else f" (process: {process.poll()})"
    raise AssertionError(f"waited in vain for {what}{ended}")


def read_or_empty(file):
    """A file of /proc, which may be gone by now."""
    with contextlib.suppress(OSError):
        return file.read_text(errors="replace")
    return ""


def answers(port, address="127.0.0.1"):
    with contextlib.suppress(OSError):
        socket.create_connection((address, port), 1).close()
        return True
    return False


@contextlib.contextmanager
def folder(name, beside="/var/tmp"):
    """A folder that other users can reach into, removed at the end."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"dmarcd-{name}-",
                                         dir=beside))
    path.chmod(0o755)
    try:
        yield path
    finally:
        if os.environ.get("KEEP"):
            print("# kept:", path)
        else:
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def process(command, log, **options):
    """A process, told to end (SIGTERM), then killed if it does not."""
    with open(log, "ab") as out:
        started = subprocess.Popen([str(word) for word in command],
                                   stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=out, **options)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def unpacked(package):
    """The tree of a Debian package, unpacked once, never installed."""
    trees = BUILD / "unpacked"
    run = subprocess.run([ROOT / "ci/unpack", trees, package],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert run.returncode == 0, run.stdout.decode()
    return trees / package


@contextlib.contextmanager
def nsd(path, zone_text, address="127.0.0.1", port=None, net=None):
    """nsd that answers for the root zone made of ZONE_TEXT; yields its port.
    NET: of a machine (machine.py)."""
    tree, port = unpacked("nsd"), port or free_port()
    path.mkdir()
    lines = [line for line in zone_text.splitlines()
             if line and not line.startswith("#")]
    (path / "root").write_text("\n".join([
        "$ORIGIN .", "$TTL 60",
        ". SOA ns.test. root.test. 1 3600 600 86400 60", ". NS ns.test.",
        "ns.test. A 127.0.0.1", *lines, ""]))
    (path / "nsd.conf").write_text(f"""
server:
  ip-address: {address}@{port}
  username: ""
  zonesdir: "{path}"
  pidfile: "{path}/nsd.pid"
  logfile: "{path}/nsd.log"
  zonelistfile: "{path}/zone.list"
  xfrdfile: "{path}/xfrd.state"
  xfrdir: "{path}"
  database: ""
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "root"
""")
    command = [tree / "usr/sbin/nsd", "-d", "-c", path / "nsd.conf"]
    with process(net.command(command) if net else command,
                 path / "out") as started:
        with net.entered() if net else contextlib.nullcontext():
            wait_for("nsd", lambda: answers(port, address), started)
        yield port


@contextlib.contextmanager
def dmarcd(path, **options):
    """dmarcd with a configuration of OPTIONS; yields its folder and process."""
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    if "TSAN_OPTIONS" in os.environ:  # or nobody may write what it finds
        options = {"Sandbox": "no", **options}
    write_config(path / "dmarcd.conf", Socket=f"unix:{path}/milter.sock",
                 UMask="0", **options)
    log = path / "log"
    log.unlink(missing_ok=True)
    with process([DMARCD, "-c", path / "dmarcd.conf"], log) as started:
        wait_for("dmarcd to listen", lambda: "listening" in log.read_text(),
                 started)
        yield started


def write_config(file, **options):
    file.write_text("".join(f"{name} {value}\n"
                            for name, value in options.items()))


def received(history):
    """When its messages came, imported since or not. A test takes the day from
    here: by its own clock it may be another one by now."""
    return sorted(int(line) for file in history.parent.glob(f"{history.name}*")
                  for line in re.findall(r"(?m)^received (\d+)$",
                                         file.read_text()))


def dmarc_says(*words, stdin=b"", status=0):
    """Runs the tool; its standard output and standard error. STATUS None: any
    will do."""
    run = subprocess.run([str(DMARC), *map(str, words)], input=stdin,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert status in (None, run.returncode), \
        f"dmarc {words}: status {run.returncode}, {run.stderr.decode()}"
    if "report" in words and "--output" in words:
        import xmlcheck  # which imports this
        with contextlib.suppress(tap.Skip):
            xmlcheck.check_folder(words[words.index("--output") + 1])
    return run.stdout.decode(), run.stderr.decode()


def dmarc(*words, status=0):
    return dmarc_says(*words, status=status)[0]


def demo_mta(milter, client, helo, sender, file):
    """Sends one message by the milter protocol; what the MTA would do."""
    run = subprocess.run([str(DEMO_MTA), milter, client, helo, sender,
                          str(file)], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=PATIENCE)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode()
