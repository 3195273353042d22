"""Postfix from its Debian package, unpacked and never installed.

Its users need to exist only while a test runs, so they do in a mount namespace
of the test's own: the machine's /etc/passwd is not touched."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import parts

USERS = {"passwd": "postfix:x:64901:64901::/nonexistent:/usr/sbin/nologin\n",
         "group": "postfix:x:64901:\npostdrop:x:64902:\n"}


def enter_namespace(users=USERS, dns=False):
    """Runs this program again where USERS exist; with DNS, where loopback is all
    there is and 127.0.0.1 is asked for names."""
    if os.environ.get("POSTFIX_NAMESPACE"):
        if dns:
            copy = pathlib.Path(os.environ["POSTFIX_NAMESPACE"], "resolv.conf")
            copy.write_text("nameserver 127.0.0.1\n")
            subprocess.run(["mount", "--bind", copy, "/etc/resolv.conf"],
                           check=True)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for name, lines in users.items():
            file = pathlib.Path("/etc", name)
            copy = pathlib.Path(os.environ["POSTFIX_NAMESPACE"], name)
            names = [line.split(":")[0] for line in lines.splitlines()]
            own = [line for line in file.read_text().splitlines(True)
                   if line.split(":")[0] not in names]
            copy.write_text("".join(own) + lines)
            subprocess.run(["mount", "--bind", copy, file], check=True)
        return
    with parts.folder("namespace") as path:
        sys.exit(subprocess.run(
            ["unshare", "--mount", "--propagation", "private",
             *(["--net"] if dns else []), "--", sys.executable, *sys.argv],
            env={**os.environ, "POSTFIX_NAMESPACE": str(path)}).returncode)


class Postfix:
    def __init__(self, path, milter):
        self.tree = parts.unpacked("postfix")
        self.path, self.port = path, parts.free_port()
        self.milter = milter
        self.environment = {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": f"{self.tree}/usr/lib/postfix",
            "MAIL_CONFIG": f"{path}/etc"}

    def configure(self, relay_port):
        for name in ("etc", "queue", "data"):
            (self.path / name).mkdir(parents=True)
        (self.path / "etc/main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {self.path}/queue
command_directory = {self.tree}/usr/sbin
daemon_directory = {self.tree}/usr/lib/postfix/sbin
shlib_directory = {self.tree}/usr/lib/postfix
meta_directory = {self.tree}/etc/postfix
data_directory = {self.path}/data
import_environment = MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH={self.tree}/usr/lib/postfix
export_environment = MAIL_CONFIG TZ LANG LD_LIBRARY_PATH={self.tree}/usr/lib/postfix
maillog_file_prefixes = {self.path}
maillog_file = {self.path}/maillog
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.receiver.example
mydestination =
mynetworks = 127.0.0.0/8
relay_domains = receiver.example
relay_transport = smtp:[127.0.0.1]:{relay_port}
default_transport = error:5.1.1 no outside mail
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_peername_lookup = no
smtp_host_lookup = native
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_milters = {self.milter}
milter_default_action = tempfail
local_recipient_maps =
alias_maps =
alias_database =
""")
        services = ["pickup unix n - n 60 1 pickup",
                    "cleanup unix n - n - 0 cleanup",
                    "qmgr unix n - n 300 1 qmgr",
                    "rewrite unix - - n - - trivial-rewrite",
                    "bounce unix - - n - 0 bounce",
                    "defer unix - - n - 0 bounce",
                    "trace unix - - n - 0 bounce",
                    "smtp unix - - n - - smtp",
                    "error unix - - n - - error",
                    "retry unix - - n - - error",
                    "anvil unix - - n - 1 anvil",
                    "scache unix - - n - 1 scache",
                    "showq unix n - n - - showq",
                    "flush unix n - n 1000? 0 flush",
                    "proxymap unix - - n - - proxymap",
                    "postlog unix-dgram n - n - 1 postlogd"]
        (self.path / "etc/master.cf").write_text("\n".join(
            [f"127.0.0.1:{self.port} inet n - n - - smtpd", *services, ""]))
        queue = self.path / "queue"
        own = "active bounce corrupt defer deferred flush hold incoming " \
            "private saved trace".split()
        for name in [*own, "maildrop", "public", "pid"]:
            (queue / name).mkdir()
        for directory in [self.path / "data", *(queue / n for n in own)]:
            shutil.chown(directory, "postfix")
            directory.chmod(0o700)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            shutil.chown(queue / name, "postfix", "postdrop")
            (queue / name).chmod(mode)

    @contextlib.contextmanager
    def running(self, relay_port):
        """Runs it; mail that it accepts goes to RELAY_PORT."""
        self.configure(relay_port)
        log = self.path / "master.log"
        with open(log, "wb") as out:
            run = subprocess.run(
                [self.tree / "usr/lib/postfix/sbin/master", "-c",
                 self.path / "etc", "-w"], env=self.environment,
                stdout=out, stderr=out)
        assert run.returncode == 0, log.read_text()
        pid = int((self.path / "queue/pid/master.pid").read_text())
        try:
            parts.wait_for("Postfix", lambda: parts.answers(self.port))
            yield self
        finally:
            os.kill(pid, signal.SIGTERM)
            parts.wait_for("Postfix to end", lambda: not is_alive(pid))

    @contextlib.contextmanager
    def sink(self, path):
        """Postfix's own smtp-sink; yields its port; messages land in PATH."""
        port = parts.free_port()
        path.mkdir()
        shutil.chown(path, "nobody")
        with parts.process(
                [self.tree / "usr/sbin/smtp-sink", "-u", "nobody", "-d",
                 f"{path}/%M.", f"127.0.0.1:{port}", "100"],
                self.path.parent / "sink.log", cwd=path,
                env=self.environment) as started:
            parts.wait_for("smtp-sink", lambda: parts.answers(port), started)
            yield port


def is_alive(pid):
    """Not kill -0: a zombie that nobody reaps would look alive."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"
