"""Exim from its Debian package, unpacked and never installed, with a
configuration of a test's own; mail that it accepts stays in its queue.
EXIM names another program, to try the tests with another version by hand."""
import contextlib
import os
import pathlib
import re
import shutil
import smtplib
import socket
import subprocess

import parts
from tap import equal

USER = "Debian-exim"
USERS = {"passwd": f"{USER}:x:64911:64911::/nonexistent:/usr/sbin/nologin\n",
         "group": f"{USER}:x:64911:\n"}
FILES = parts.ROOT / "packaging/exim"
# Libraries that a machine may lack.
PACKAGES = {"libidn.so.12": "libidn12", "libspf2.so.2": "libspf2-2",
            "libgnutls-dane.so.0": "libgnutls-dane0",
            "libunbound.so.8": "libunbound8", "libpq.so.5": "libpq5",
            "libldap-2.5.so.0": "libldap-2.5-0",
            "liblber-2.5.so.0": "libldap-2.5-0",
            "libperl.so.5.36": "libperl5.36",
            "libpcre2-8.so.0": "libpcre2-8-0"}


class Exim:
    def __init__(self, path, package="exim4-daemon-heavy"):
        self.program = pathlib.Path(
            os.environ.get("EXIM",
                           parts.unpacked(package) / "usr/sbin/exim4"))
        self.path, self.port = path, parts.free_port()
        self.environment = {"PATH": os.environ["PATH"],
                            "LD_LIBRARY_PATH": ":".join(self.libraries())}

    def libraries(self):
        """Where those lie that this machine has not, and those they need."""
        folders = []
        while True:
            run = subprocess.run(
                ["ldd", self.program], stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(os.environ, LD_LIBRARY_PATH=":".join(folders)))
            missing = re.findall(r"(\S+) => not found", run.stdout.decode())
            found = {str(file.parent) for name in missing
                     for file in parts.unpacked(PACKAGES[name]).rglob(name)}
            if not found - set(folders):
                return folders
            folders += sorted(found - set(folders))

    def version(self):
        run = subprocess.run([self.program, "-C", "/dev/null", "-bV"],
                             stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL,
                             env=self.environment)
        words = re.search(r"version (\d+)\.(\d+)", run.stdout.decode())
        return int(words[1]), int(words[2])

    def configure(self, main="", acl="", data_before="", data_after="",
                  dns="1s"):
        """DNS: how long an answer of DNS is waited for."""
        for name in ("log", "spool"):
            (self.path / name).mkdir()
            shutil.chown(self.path / name, USER, USER)
        (self.path / "conf").write_text(f"""
exim_path = {self.program}
primary_hostname = mx.test
qualify_domain = mx.test
spool_directory = {self.path}/spool
log_file_path = {self.path}/log/%slog
pid_file_path = {self.path}/pid
daemon_smtp_ports = {self.port}
local_interfaces = 127.0.0.1
.ifdef _HAVE_PROXY
hosts_proxy = 127.0.0.2
.endif
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
dns_retrans = {dns}
dns_retry = 1
keep_environment = LD_LIBRARY_PATH
queue_only
auth_advertise_hosts = *
acl_smtp_rcpt = accept
acl_smtp_data = acl_data
helo_allow_chars = _;="\\'()@:/
helo_accept_junk_hosts = *
{main}
.include {FILES}/dmarcd-macros.conf
begin acl
{acl}
acl_data:
{data_before}
.include {FILES}/dmarcd-data.acl
  warn logwrite = DMARC <$acl_m_dmarc_disposition> \\
    <${{if def:acl_c0{{$acl_c0}}}}> <${{if def:acl_c1{{$acl_c1}}}}>
{data_after}
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = true
  server_set_id = $auth2
""")

    def configure_debian(self, is_split, macros, acl=""):
        """As Debian's update-exim4.conf makes it from Debian's files, our
        MACROS and an ACL, with this test's own places in them."""
        tree = parts.unpacked("exim4-config")
        etc = self.path / "etc"
        shutil.copytree(tree / "etc/exim4", etc)
        for name in ("log", "spool"):
            (self.path / name).mkdir()
            shutil.chown(self.path / name, USER, USER)
        (etc / "mailname").write_text("mx.test\n")
        (etc / "aliases").write_text("customer: root\nroot: daemon\n")
        (etc / ("conf.d/main/000_localmacros" if is_split
                else "exim4.conf.localmacros")).write_text(macros + f"""
SPOOLDIR = {self.path}/spool
log_file_path = {self.path}/log/%slog
pid_file_path = {self.path}/pid
MAIN_HARDCODE_PRIMARY_HOSTNAME = mx.test
MAIN_KEEP_ENVIRONMENT = LD_LIBRARY_PATH
MAIN_HOST_LOOKUP = 192.0.2.255
hosts_proxy = 127.0.0.2
queue_only
""")
        (etc / "conf.d/acl/05_dmarcd").write_text(acl)
        template = etc / "exim4.conf.template"
        template.write_text(template.read_text().replace(
            "\nbegin acl\n", f"\nbegin acl\n{acl}", 1))
        (etc / "update-exim4.conf.conf").write_text(f"""
dc_eximconfig_configtype='internet'
dc_other_hostnames='mx.test'
dc_local_interfaces='127.0.0.1.{self.port}'
dc_use_split_config='{"true" if is_split else "false"}'
dc_localdelivery='mail_spool'
CFILEMODE='644'
""")
        script = (tree / "usr/sbin/update-exim4.conf").read_text()
        for name in ("mailname", "exim4/exim4.conf.localmacros"):
            script = script.replace(f"/etc/{name}",
                                    f"{etc}/{pathlib.Path(name).name}")
        (etc / "update").write_text(script)
        run = subprocess.run(
            ["sh", etc / "update", "-d", etc, "-o", self.path / "conf"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert run.returncode == 0, run.stdout.decode()
        (self.path / "conf").write_text(
            (self.path / "conf").read_text()
            .replace("/usr/sbin/exim4", str(self.program))
            .replace("/etc/aliases", str(etc / "aliases"))
            .replace("/etc/mailname", str(etc / "mailname")))

    @contextlib.contextmanager
    def running(self, debian=None, **options):
        """DEBIAN: is its configuration split? None: ours, see configure."""
        self.path.mkdir()
        if debian is None:
            self.configure(**options)
        else:
            self.configure_debian(debian, **options)
        out = self.path / "out"
        with parts.process(
                [self.program, "-C", self.path / "conf", "-bdf"], out,
                env=self.environment) as process:
            parts.wait_for("Exim", lambda: parts.answers(self.port), process)
            yield self

    def log(self):
        return "".join(file.read_text(errors="replace")
                       for file in (self.path / "log").iterdir())

    def queued(self, said):
        """The header, as it would be delivered, of a message taken with the
        words SAID."""
        name = re.search(r"id=(\S+)", said)[1]
        file, = (self.path / "spool/input").rglob(f"{name}-H")
        text = file.read_text(errors="surrogateescape")
        text = text.partition("\nXX\n")[2].partition("\n\n")[2]
        fields = []
        while text.strip():
            length, flag = re.match(r"(\d+)(.) ", text).groups()
            at = len(length) + 2
            if flag != "*":  # that one is deleted
                fields.append(text[at:at + int(length)])
            text = text[at + int(length):]
        return fields


class Client(smtplib.SMTP):
    """A client with an address of our choice, by the PROXY protocol; without
    one it comes from loopback."""

    def __init__(self, exim, address=None, helo="attacker.example"):
        self.address = address
        super().__init__("127.0.0.1", exim.port, helo, parts.PATIENCE)

    def _get_socket(self, host, port, timeout):
        if self.address is None:
            return super()._get_socket(host, port, timeout)
        one = socket.create_connection((host, port), timeout,
                                       ("127.0.0.2", 0))
        one.sendall(f"PROXY TCP4 {self.address} 127.0.0.1 4000 25\r\n"
                    .encode())
        return one


def send(exim, message, address="203.0.113.66", helo="attacker.example",
         sender="x@attacker.example", login=False,
         recipients=("customer@mx.test",)):
    """(code, words) of the answer to a message."""
    with Client(exim, address, helo) as client:
        client.docmd("EHLO", helo)
        client.ehlo_resp = b""
        if login:
            client.docmd("AUTH PLAIN AGFubgBzZWNyZXQ=")
        client.docmd("MAIL", f"FROM:<{sender}>")
        for recipient in recipients:
            client.docmd("RCPT", f"TO:<{recipient}>")
        code, words = client.docmd("DATA")
        assert code == 354, words
        client.send(message.replace(b"\n", b"\r\n") + b"\r\n.\r\n")
        code, words = client.getreply()
        return code, words.decode()


class Stage:
    def __init__(self, path, port=None):
        """PORT: where DNS is answered, for an Exim that asks there, too."""
        self.path, self.port = path, port
        self.count = 0

    @contextlib.contextmanager
    def daemon(self, **options):
        (self.path / "history").unlink(missing_ok=True)
        (self.path / "nobody").write_text("")
        with parts.nsd(self.fresh("nsd"), self.zone(),
                       port=self.port) as port, \
                parts.dmarcd(self.path / "d", **{
                    "AuthservID": "mx.test", "Enforce": "strict",
                    "IgnoreHosts": self.path / "nobody",
                    "Nameservers": f"127.0.0.1:{port}", "Workers": 1,
                    "QuerySocket": f"unix:{self.path}/d/query",
                    "QuerySocketGroup": USER,
                    "QuerySpool": self.path,
                    "HistoryFile": self.path / "history", **options}):
            yield

    @staticmethod
    def zone():
        return (parts.MESSAGES / "zone").read_text() + """
66.113.0.203.in-addr.arpa PTR mx.relay.example
mx.relay.example A 203.0.113.66
67.113.0.203.in-addr.arpa PTR mx.relay.example
"""

    def fresh(self, name):
        self.count += 1
        return self.path / f"{name}{self.count}"

    def exim(self, main="", **options):
        """Where nobody answers DNS it shall not wait for that."""
        return Exim(self.fresh("exim")).running(
            main=f"DMARCD_SOCKET = {self.path}/d/query\n{main}",
            dns=f"{parts.PATIENCE if self.port else 1}s", **options)

    def actions(self):
        file = self.path / "history"
        return re.findall(r"(?m)^action (\d)$", file.read_text()) \
            if file.exists() else []


@contextlib.contextmanager
def stage(port=None):
    with parts.folder("exim") as path:
        yield Stage(path, port)


def results(fields):
    """The field that bears our name; it must be the first, and alone."""
    mine = [field for field in fields if re.match(
        r"(?i)authentication-results:\s*mx\.test\b", field)]
    equal(fields[:1] if mine else [], mine, "on top and alone")
    return mine[0] if mine else ""
