"""This machine once more, seen through an overlay and with a network of its own:
packages are installed, files written and daemons started in it as an
administrator would, and nothing of it is left afterwards.

    with machine("exim4-daemon-heavy") as it:
        it.run("service exim4 start")
        it.file("/etc/dmarcd.conf").read_text()

With MACHINE_ROOT it is another machine, such as debootstrap makes (with systemd
in it), and with MACHINE_DEBS, a folder, our packages are not made anew in it.

Beside it is the rest of the world, another network, joined by a cable: its name
server, its senders and receivers."""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import smtplib
import socket
import subprocess
import tempfile

import parts

ADDRESS = "198.51.100.25"    # of the machine
RESOLVER = "203.0.113.53"  # these are of the world
SENDER = "192.0.2.10"
STRANGER = "203.0.113.66"
MEMORY = "6g"             # what may be installed and written at most
CLONE_NEWNET = 0x40000000

# What both kinds begin with; TOP is a folder for it.
OVERLAY = """
set -e
mount -t tmpfs -o size=%(memory)s,mode=755 tmpfs %(top)s
mkdir %(top)s/upper %(top)s/work %(top)s/root
mount -t overlay overlay -o lowerdir=%(below)s,upperdir=%(top)s/upper,workdir=%(top)s/work %(top)s/root
cd %(top)s/root
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
mkdir -m 1777 run/lock
"""

# Its first process does nothing, and installing starts nothing.
QUIET = OVERLAY + """
mount --rbind /dev dev
printf '#!/bin/sh\\nexit 101\\n' > usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
exec chroot . sleep infinity
"""

# Its first process is systemd, and starts nothing of what this machine does.
BOOTED = OVERLAY + """
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
	touch dev/$node
	mount --bind /dev/$node dev/$node
done
mkdir dev/shm dev/pts
mount -t devpts devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
touch dev/console
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
rm -rf etc/systemd/system/*.wants etc/rc?.d/* usr/sbin/policy-rc.d
# Without one this were its first boot, at which systemd enables all there is.
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id
mkdir -p var/log/journal etc/tmpfiles.d
ln -sf /dev/null etc/tmpfiles.d/tmp.conf  # the project may lie in /tmp
mkdir was
pivot_root . was
umount -l /was
exec env -i container=other LANG=C.UTF-8 /lib/systemd/systemd --system
"""
CGROUPS = pathlib.Path("/sys/fs/cgroup")


@contextlib.contextmanager
def _cgroup():
    """A control group for a booted machine; what systemd made in it goes."""
    top = CGROUPS / "unified"
    top = pathlib.Path(tempfile.mkdtemp(
        prefix="dmarcd-machine-", dir=top if top.is_dir() else CGROUPS))

    def is_gone():
        with contextlib.suppress(OSError):  # busy: processes are ending
            for folder, _, _ in os.walk(top, topdown=False):
                os.rmdir(folder)
        return not top.exists()

    try:
        yield top
    finally:
        parts.wait_for("the machine's processes to end", is_gone)


class _Net:
    """A network namespace, as long as the process that holds it."""

    def __init__(self, stack):
        holder = stack.enter_context(_held(
            ["unshare", "--net", "sleep", "infinity"]))
        own = os.readlink("/proc/self/ns/net")
        self.pid, self.path = holder.pid, f"/proc/{holder.pid}/ns/net"
        parts.wait_for("a network", lambda: os.readlink(self.path) != own,
                       holder)
        self.ip("link set lo up")

    def ip(self, words):
        self.run(["ip", *words.split()])

    def run(self, command, **options):
        return subprocess.run(self.command(command), check=True, **options)

    def command(self, command):
        return ["nsenter", f"--net={self.path}", *map(str, command)]

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread makes meanwhile are of this network."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as back, \
                open(self.path) as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert libc.setns(back.fileno(), CLONE_NEWNET) == 0


@contextlib.contextmanager
def _held(command):
    """It ends with us, even if nobody can say so any more."""
    started = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command],
                               stdin=subprocess.DEVNULL)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()


class Machine:
    def __init__(self, stack, is_booted):
        top = tempfile.mkdtemp(prefix="dmarcd-machine-", dir="/var/tmp")
        stack.callback(os.rmdir, top)
        # Its own, if not at once: what is installed comes over ours.
        self.own_net, self.is_connected = _Net(stack), False
        enter = self.own_net.command(["unshare"]) if is_booted else ["unshare"]
        more = ["--cgroup", "--uts", "--ipc"] if is_booted else []
        if is_booted:
            group = stack.enter_context(_cgroup())
            enter = ["bash", "-c",
                     f'echo $$ > {group}/cgroup.procs; exec "$@"', "", *enter]
        script = (BOOTED if is_booted else QUIET) % {
            "memory": MEMORY, "top": top,
            "below": os.environ.get("MACHINE_ROOT", "/")}
        # All processes in it end with its first one.
        self.holder = stack.enter_context(_held(
            [*enter, *more, "--mount", "--pid", "--fork", "--kill-child",
             "--propagation", "private", "bash", "-c", script]))
        parts.wait_for("the machine", self.is_up, self.holder)
        self.root = pathlib.Path(f"/proc/{self.init()}/root")
        if is_booted:
            parts.wait_for("systemd", lambda: self.run(
                "systemctl is-system-running", status=None).strip() in
                ("running", "degraded"))

    def init(self):
        """Its first process, seen from here."""
        of = self.holder.pid
        child = parts.read_or_empty(
            pathlib.Path(f"/proc/{of}/task/{of}/children")).strip()
        return child or None

    def is_up(self):
        child = self.init()
        return child and parts.read_or_empty(
            pathlib.Path(f"/proc/{child}/comm")).strip() in ("sleep",
                                                             "systemd")

    def connect(self, world, addresses):
        """From now on it is in a network of its own, which a cable joins with
        WORLD, where ADDRESSES are."""
        net = self.own_net
        net.ip("link add cable type veth peer name other")
        net.ip(f"link set other netns {world.pid}")
        for one, link, addresses in (
                (net, "cable", [ADDRESS]),
                (world, "other", addresses)):
            for address in addresses:
                one.ip(f"addr add {address}/32 dev {link}")
            one.ip(f"link set {link} up")
            one.ip(f"route add default dev {link}")
        self.is_connected = True
        self.file("/etc/resolv.conf").unlink(missing_ok=True)
        self.write("/etc/resolv.conf", f"nameserver {RESOLVER}\n")

    def file(self, path):
        return self.root / path.lstrip("/")

    def write(self, path, text):
        self.file(path).parent.mkdir(parents=True, exist_ok=True)
        self.file(path).write_text(text)

    def command(self, script):
        """The words that run a shell's SCRIPT as its root."""
        net = [f"--net={self.own_net.path}"] if self.is_connected else []
        return ["nsenter", f"--target={self.init()}", "--mount", "--pid",
                "--root", "--wdns=/root", *net, "env", "-i", "HOME=/root",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin"
                ":/bin", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                "bash", "-c", script]

    def run(self, script, status=0):
        """What it prints, errors too."""
        run = subprocess.run(self.command(script), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        words = run.stdout.decode(errors="replace")
        assert status is None or run.returncode == status, \
            f"{script}: status {run.returncode}\n{words[-4000:]}"
        return words

    def install(self, *packages):
        apt = "apt-get -q -y --no-install-recommends install"
        words = " ".join(packages)
        self.run(f"{apt} {words} || {{ apt-get -q update && {apt} {words}; }}")

    @contextlib.contextmanager
    def daemon(self, script, log):
        """A daemon in the foreground; LOG is outside."""
        with parts.process(self.command(f"exec {script}"), log) as started:
            yield started


@contextlib.contextmanager
def machine(*packages, zone, addresses=(), prepare=None, is_booted=False):
    """PACKAGES are installed from the registry first, and PREPARE(it) is
    called; then it is alone with a world that has the usual ADDRESSES and
    these, and whose name server knows ZONE."""
    with contextlib.ExitStack() as stack:
        it = Machine(stack, is_booted)
        if packages:
            it.install(*packages)
        if prepare:
            prepare(it)
        it.world = _Net(stack)
        it.connect(it.world, [RESOLVER, SENDER, STRANGER, *addresses])
        folder = stack.enter_context(parts.folder("world"))
        stack.enter_context(_name_server(it.world, folder, zone))
        yield it


@contextlib.contextmanager
def _name_server(world, folder, zone):
    with parts.nsd(folder / "nsd", zone, address=RESOLVER, port=53,
                   net=world):
        yield


def make_packages(it):
    """Ours for Debian, into its /root, and lintian; while the registry can be
    reached."""
    if debs := os.environ.get("MACHINE_DEBS"):
        for deb in pathlib.Path(debs).glob("*.deb"):
            (it.root / "root" / deb.name).write_bytes(deb.read_bytes())
        it.install("lintian", "/root/dmarcd_*.deb")
        it.run("dpkg -P dmarcd && rm -rf /var/lib/dmarcd")
        return
    it.run(f"cd {parts.ROOT} && git config --global safe.directory '*' && "
           "make deb && cp build-deb/*.deb /root/")


def listen(world, address, port):
    """A listening socket in the world."""
    with world.entered():
        return socket.create_server((address, port), backlog=64)


def connect(world, source, port=25):
    """A connection from the world's SOURCE to the machine, whose server may
    still be about to listen."""
    with world.entered():
        parts.wait_for("a server", lambda: parts.answers(port, ADDRESS))
        return socket.create_connection((ADDRESS, port), parts.PATIENCE,
                                        (source, 0))


def send(world, source, *messages):
    """The answers to MESSAGES, mailed to the machine in one connection from the
    world's SOURCE: (code, words) of each."""
    client = smtplib.SMTP()
    client.sock = connect(world, source)
    client.getreply()
    client.ehlo("client.example")
    answers = []
    for message in messages:
        client.docmd("MAIL FROM:<x@client.example>")
        client.docmd("RCPT TO:<customer@receiver.example>")
        code, words = client.data(message)
        answers.append((code, words.decode()))
    client.quit()
    return answers


def _smtpd(it):
    return set(it.run("grep -slx smtpd /proc/[0-9]*/comm", status=None).split())


@contextlib.contextmanager
def reloaded_postfix(it):
    """Its Postfix is told to reload amid this. It does so a moment later, and
    until then an smtpd that waits for mail takes it as it was told before."""
    before = _smtpd(it)
    yield
    parts.wait_for("Postfix to reload", lambda: not before & _smtpd(it))


def messages(it):
    """How many its database has, with all that waited to be imported."""
    it.run("dmarc import", status=None)  # dmarcd's own may be at work
    return json.loads(it.run("dmarc database status --json"))["messages"]


def why_not():
    """Why there can be no machine here; None: there can."""
    if os.geteuid() != 0:
        return "only root can make a machine"
    with tempfile.TemporaryDirectory() as top:
        probe = subprocess.run(
            ["unshare", "--mount", "--net", "--propagation", "private",
             "bash", "-c", f"mount -t tmpfs tmpfs {top} && cd {top} &&"
             " mkdir a b c && mount -t overlay overlay -o"
             f" lowerdir=/,upperdir={top}/a,workdir={top}/b {top}/c &&"
             " ip link add x type veth peer name y"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return re.sub(r"\s+", " ", probe.stdout.decode()) or "no overlay" \
        if probe.returncode else None
