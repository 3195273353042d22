"""Asks dmarcd on its query socket, as Exim does: one request, its end told by
half-closing, one line back."""
import base64
import contextlib
import re
import socket

import parts

ID = "1abcdt-000000-AB"
RECEIVED = b"Received: from client by mx.test\n\tid " + ID.encode() + b"\n"
WHOLE = 9999999999999  # $dkim_bodylength without l=


def b64(value):
    return base64.b64encode(value).decode()


def request(headers, sender=b"x@attacker.example", helo=b"attacker.example",
            client="203.0.113.66", **more):
    """The lines of a request; MORE are further ones, a list is many."""
    lines = {"version": 1, "client_address": client, "port": 4000,
             "helo64": b64(helo), "sender64": b64(sender),
             "headers64": b64(RECEIVED + headers), "authenticated": 0,
             "id": ID, "reports": 1, **more}
    return "".join(f"{name}={one}\n" for name, value in lines.items()
                   for one in (value if isinstance(value, list) else [value])
                   ).encode() + b"\n"


def dkim(status, domain, selector, algorithm="rsa-sha256", length=WHOLE):
    return f"{status} {b64(domain)} {b64(selector)} {algorithm} {length}"


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(parts.PATIENCE)
    client.connect(str(path))
    return client


def read_all(client):
    answer = b""
    while piece := client.recv(65536):
        answer += piece
    return answer


def unescape(value):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]),
                  value)


def fields(line):
    """The answer's values by name; it must be one whole line."""
    text = line.decode("ascii")
    assert re.fullmatch(r'[a-z]+="([^"\\]|\\.)*"'
                        r'( [a-z]+="([^"\\]|\\.)*")*\n', text), text
    return {name: unescape(value) for name, value in
            re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', text)}


def ask_raw(path, data):
    with connect(path) as client:
        with contextlib.suppress(OSError):  # who may not ask is cut off
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            return read_all(client)
    return b""


def ask(path, headers, **more):
    return fields(ask_raw(path, request(headers, **more)))
