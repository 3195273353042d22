"""MariaDB from its Debian package, unpacked and never installed: a server of
our own, on a socket of our own, as nobody when we are root.

As a program, `mariadb.py COMMAND…` runs COMMAND with a server beside it and
STORE_SERVER saying where it is, with {} for a database's name; a word
DATABASE of COMMAND becomes one there; without the package it says so (status
77)."""
import contextlib
import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import parts

# mariadbd and the libraries that not every machine has.
PACKAGES = ["mariadb-server-core", "libaio1", "libnuma1", "liburing2",
            "libpcre2-8-0"]
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/var/tmp"


def is_here():
    """Can it be had?"""
    try:
        for package in PACKAGES:
            parts.unpacked(package)
    except AssertionError as error:
        print(f"# no MariaDB: {error}"[:400], flush=True)
        return False
    return True


class Server:
    """PATH: an empty folder for it; OPTIONS: mariadbd's, as --x=y."""

    def __init__(self, path, *options):
        self.path = pathlib.Path(path)
        self.options = options
        self.tree, *libraries = [parts.unpacked(name) for name in PACKAGES]
        folders = [str(folder) for tree in libraries
                   for folder in tree.glob("**/x86_64-linux-gnu")
                   if folder.is_dir()]
        self.environment = {**os.environ,
                            "LD_LIBRARY_PATH": ":".join(folders)}
        self.socket = self.path / "s"
        self.process = None
        # libmysqld looks at its own files before it becomes anybody.
        self.user = {"user": "nobody", "group": "nogroup",
                     "extra_groups": []} if os.geteuid() == 0 else {}
        self.path.mkdir(exist_ok=True)
        if self.user:
            os.chown(self.path, 65534, 65534)
        self.install()

    def command(self, *more):
        return [self.tree / "usr/sbin/mariadbd", "--no-defaults",
                f"--datadir={self.path}/data",
                f"--lc-messages-dir={self.tree}/usr/share/mysql",
                f"--character-sets-dir={self.tree}/usr/share/mysql/charsets",
                f"--socket={self.socket}", f"--pid-file={self.path}/pid",
                f"--tmpdir={self.path}", "--skip-networking",
                "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=64M",
                "--plugin-dir=/nonexistent", "--skip-log-bin",
                *self.options, *more]

    def install(self):
        """The system tables, with a root that has no password."""
        share = self.tree / "usr/share/mysql"
        sql = "CREATE DATABASE mysql;\nUSE mysql;\n" + "\n".join(
            (share / f"{name}.sql").read_text() for name in (
                "mysql_system_tables", "mysql_performance_tables",
                "mysql_system_tables_data"))
        sql = ("SET @auth_root_socket = NULL;\nSET @skip_auth_anonymous = 1;\n"
               + sql)
        data = self.path / "data"
        data.mkdir()
        if self.user:
            os.chown(data, 65534, 65534)
        run = subprocess.run(
            self.command("--bootstrap", "--skip-grant-tables"), input=sql,
            text=True, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, **self.user)
        assert run.returncode == 0, run.stdout[-2000:]

    def start(self):
        with open(self.path / "out", "ab") as out:
            before = out.tell()
            self.process = subprocess.Popen(
                self.command(), env=self.environment, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, **self.user)
        end = time.monotonic() + parts.PATIENCE
        words = b""
        while b"ready for connections" not in words:
            words = (self.path / "out").read_bytes()[before:]
            assert self.process.poll() is None, words.decode()[-2000:]
            assert time.monotonic() < end, "mariadbd does not get ready"
            time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(parts.PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()

    def sql(self, text, name="mysql"):
        """Runs statements as root, by the library that dmarcd uses; the rows
        of the first one, as bytes."""
        library = ctypes.CDLL("libmariadb.so.3")
        for function in ("mysql_init", "mysql_real_connect", "mysql_error",
                         "mysql_store_result"):
            getattr(library, function).restype = ctypes.c_void_p
        library.mysql_fetch_row.restype = ctypes.POINTER(ctypes.c_char_p)
        rows = []
        handle = ctypes.c_void_p(library.mysql_init(None))
        try:
            multi = ctypes.c_ulong(1 << 16)
            bad = not library.mysql_real_connect(
                handle, b"localhost", b"root", b"", name.encode(), 0,
                str(self.socket).encode(), multi)
            bad = bad or library.mysql_query(handle, text.encode())
            result = None if bad else library.mysql_store_result(handle)
            if result:
                result = ctypes.c_void_p(result)
                width = library.mysql_num_fields(result)
                while row := library.mysql_fetch_row(result):
                    rows.append(tuple(row[:width]))
                library.mysql_free_result(result)
            while not bad and library.mysql_more_results(handle):
                bad = library.mysql_next_result(handle)
            assert not bad, ctypes.string_at(
                library.mysql_error(handle)).decode()
        finally:
            library.mysql_close(handle)
        return rows

    def location(self, name, user="root", more=""):
        return f"mysql://{user}@localhost/{name}?socket={self.socket}{more}"


@contextlib.contextmanager
def server(path, *options):
    started = Server(path, *options)
    try:
        started.start()
        yield started
    finally:
        started.stop()


@contextlib.contextmanager
def stage(name, kind):
    """What KIND makes of a folder, its `server` included, for run_cases."""
    with parts.folder(name, MEMORY) as path:
        it = kind(path)
        try:
            yield it
        finally:
            it.server.stop()


def main(command):
    if not is_here():
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="dmarcd-db-", dir=MEMORY) as folder:
        os.chmod(folder, 0o755)
        with server(pathlib.Path(folder) / "m") as started:
            environment = {**os.environ,
                           "STORE_SERVER": started.location("{}")}
            words = [started.location("test") if word == "DATABASE" else word
                     for word in command]
            status = subprocess.run(words, env=environment).returncode
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
