"""A milter client, frame by frame: an MTA as strange as a test wants it."""
import socket
import struct

import parts

ALL_ACTIONS = 0x1FF
CHANGE_HEADERS = 0x10
QUARANTINE = 0x20

ALL_STEPS = 0x1FFFFF
NO_REPLY_TO_MAIL = 0x4000


class Milter:
    def __init__(self, path, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(parts.PATIENCE)
        self.socket.connect(str(path))
        self.send("O", struct.pack(">III", 6, actions, steps))
        command, data = self.receive()
        assert command == "O", f"negotiation: {command!r}"
        self.protocol = struct.unpack(">III", data[:12])[2]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def close(self):
        self.socket.close()

    def send(self, command, data=b""):
        self.socket.sendall(struct.pack(">I", len(data) + 1) +
                            command.encode() + data)

    def receive(self):
        head = self.read(4)
        frame = self.read(struct.unpack(">I", head)[0])
        return chr(frame[0]), frame[1:]

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                raise EOFError("the filter closed the connection")
            data += piece
        return data

    def begin(self, address="203.0.113.66", helo=b"attacker.example"):
        family = b"6" if ":" in address else b"4"
        self.send("C", b"[client]\0" + family + b"\x04\x00" +
                  address.encode() + b"\0")
        if helo is not None:
            self.send("H", helo + b"\0")

    def macro(self, stage, name, value):
        self.send("D", stage.encode() + name + b"\0" + value + b"\0")

    def mail(self, sender=b"<x@attacker.example>"):
        self.send("M", sender + b"\0")

    def field(self, name, value):
        self.send("L", name + b"\0 " + value + b"\0")

    def message(self, sender=b"<x@attacker.example>",
                author=b"x@bank.example"):
        """A whole small message."""
        self.mail(sender)
        self.field(b"From", author)
        self.end()

    def end(self):
        self.send("N")
        self.send("B", b"hello\r\n")
        self.send("E")

    def verdict(self):
        """(final letter, its data, changes before it)"""
        changes = []
        while True:
            command, data = self.receive()
            if command in "acrtyd":
                return command, data, changes
            if command != "p":
                changes.append((command, data))


def removed(changes, name):
    """The numbers of the fields NAME that were to be removed, in order."""
    found = []
    for command, data in changes:
        number = struct.unpack(">I", data[:4])[0]
        if command == "m" and data[4:] == name + b"\0\0":
            found.append(number)
    return found


def inserted(changes):
    """{name: value} of the fields that were to be inserted at the top."""
    found = {}
    for command, data in changes:
        if command == "i":
            assert data[:4] == b"\0\0\0\0", "index"
            name, value, _ = data[4:].split(b"\0")
            found[name.decode()] = value.decode()
    return found
