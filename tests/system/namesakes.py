"""dmarc, called by the names of OpenDMARC's tools, each test case in a folder of
its own."""
import contextlib
import os
import subprocess

import mariadb
import parts
from tap import Skip, equal

VARIABLES = ("OPENDMARC_", "DMARC_", "MYSQL_")


def environment(**more):
    """Ours, without what those tools or the database's library read."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(VARIABLES)} | more


class Namesakes:
    TOOLS = ()  # the part behind "opendmarc-"

    def __init__(self, path):
        self.path = path
        self.count = 0
        self.server = None
        self.bin = path / "bin"
        self.bin.mkdir()
        for name in self.TOOLS:
            (self.bin / f"opendmarc-{name}").symlink_to(parts.DMARC)

    @classmethod
    @contextlib.contextmanager
    def stage(cls):
        """In memory, if it can be."""
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/var/tmp"
        with parts.folder(cls.__name__.lower(), memory) as path:
            it = cls(path)
            try:
                yield it
            finally:
                if it.server:
                    it.server.stop()

    def folder(self):
        self.count += 1
        folder = self.path / str(self.count)
        folder.mkdir()
        return folder

    def command(self, folder, name, *words):
        return [self.bin / f"opendmarc-{name}", f"--config={folder}/c", *words]

    def run(self, folder, name, *words, status=0, **options):
        """opendmarc-NAME with FOLDER/c, there: its standard output and standard
        error."""
        run = subprocess.run(
            self.command(folder, name, *words), text=True, cwd=folder, **{
                "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                "stdin": subprocess.DEVNULL,
                "env": environment()} | options)
        equal(run.returncode, status, run.stdout + run.stderr)
        return run.stdout, run.stderr

    def mariadb(self):
        """One for all cases."""
        if self.server is None:
            if not mariadb.is_here():
                raise Skip("MariaDB cannot be had; see ci/unpack")
            self.server = mariadb.Server(self.path / "m")
            self.server.start()
        return self.server
