"""An SMTP server that takes mail, and answers otherwise where a test says so:

    with Sink() as sink:
        sink.script("rcpt", "451 4.7.1 later", "550 no")  # then as usual
        sink.replies["end"] = DROP                        # from now on

A reply is the text without its last line end, DROP (hangs up instead), STALL
(waits for sink.release.set(), then answers as usual), None (as usual), or a
function of the Session that gives one of them. 421 hangs up too."""
import base64
import collections
import contextlib
import email
import email.policy
import re
import socket
import ssl
import subprocess
import threading

import parts
import xmlcheck

STAGES = ("banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "end",
          "rset", "quit")
DROP, STALL = object(), object()


class Mail:
    """A mail, from its final dot on; ANSWER is None until there is one, or
    when the client did not live to hear it. IS_OVER: the client said more on
    that connection, so it has noted the answer."""

    def __init__(self, session, data):
        self.sender, self.recipients = session.sender, session.recipients
        self.user, self.tls, self.connection = (session.user, session.tls,
                                                session.number)
        self.data, self.answer, self.is_over = data, None, False

    @property
    def taken(self):
        return self.answer is None or self.answer.startswith("2")

    @property
    def message(self):
        return email.message_from_bytes(self.data, policy=email.policy.default)

    @property
    def report_id(self):
        found = re.search(r"Report-ID:\s*<?([^>\s]+)", self.message["Subject"])
        return found and found[1]

    @property
    def xml(self):
        for part in self.message.walk():
            if part.get_content_type() == "application/gzip":
                return xmlcheck.check_mail(self.data)
        return None


class _HungUp(Exception):
    pass


class Session:
    """One connection."""

    def __init__(self, sink, connection, number):
        self.sink, self.connection, self.number = sink, connection, number
        self.lines = connection.makefile("rb")
        self.user, self.tls = None, False
        self.sender, self.recipients, self.last = None, [], None

    def run(self):
        if self.sink.implicit_tls:
            self.wrap()
        self.answer("banner", "220 sink.example ESMTP")
        while line := self.lines.readline():
            words = line.decode("latin-1").rstrip("\r\n")
            self.sink.commands.append(words)
            if self.last:
                self.last.is_over = True
            verb = words.split(" ")[0].upper()
            handle = self.VERBS.get(verb)
            if handle is None:
                self.say("502 5.5.1 no such command")
            else:
                handle(self, words[len(verb):].strip())

    def say(self, reply):
        self.connection.sendall(
            reply.replace("\n", "\r\n").encode("latin-1") + b"\r\n")
        if reply.startswith("421"):
            raise _HungUp

    def answer(self, stage, usual, mail=None):
        reply = self.sink.next_reply(stage, self)
        if mail:  # refused before we say so, as the client may be gone by then
            mail.answer = reply if isinstance(reply, str) else None
            self.sink.mails.append(mail)
        if reply is STALL:
            self.sink.stalled += 1
            self.sink.release.wait(parts.PATIENCE)
            reply = None
        if reply is DROP:
            raise _HungUp
        self.say(reply or usual)
        return reply or usual

    def wrap(self):
        self.connection = self.sink.tls.wrap_socket(self.connection,
                                                    server_side=True)
        self.lines = self.connection.makefile("rb")
        self.tls = True

    def ehlo(self, _):
        sink = self.sink
        extensions = ["sink.example", "8BITMIME", f"SIZE {sink.size}"]
        if sink.tls and not self.tls:
            extensions.append("STARTTLS")
        if sink.users:
            extensions.append("AUTH PLAIN LOGIN")
        extensions += sink.extensions
        last = len(extensions) - 1
        self.answer("ehlo", "\n".join(
            f"250{' ' if i == last else '-'}{extension}"
            for i, extension in enumerate(extensions)))

    def starttls(self, _):
        if not self.sink.tls or self.tls:
            self.say("503 5.5.1 no TLS now")
        elif self.answer("starttls", "220 go on").startswith("220"):
            self.wrap()

    def auth(self, words):
        method, _, initial = words.partition(" ")
        if method.upper() == "PLAIN":
            _, user, password = self.ask("", initial).split("\0")
        else:
            user = self.ask("Username:", initial)
            password = self.ask("Password:", "")
        good = self.sink.users.get(user) == password
        reply = self.answer("auth", "235 2.7.0 welcome" if good
                            else "535 5.7.8 wrong password")
        if reply.startswith("2"):
            self.user = user

    def ask(self, question, given):
        if not given:
            self.say("334 " + base64.b64encode(question.encode()).decode())
            given = self.lines.readline().decode().strip()
            self.sink.commands.append(given)
        return base64.b64decode(given).decode()

    def mail(self, words):
        size = re.search(r"SIZE=(\d+)", words, re.I)
        self.sender = re.match(r"FROM:<(.*?)>", words, re.I)[1]
        self.recipients = []
        fits = not size or int(size[1]) <= self.sink.size
        self.answer("mail", "250 2.1.0 ok" if fits
                    else "552 5.3.4 larger than I take")

    def rcpt(self, words):
        recipient = re.match(r"TO:<(.*)>", words, re.I)[1]
        self.recipients.append(recipient)
        if not self.answer("rcpt", "250 2.1.5 ok").startswith("2"):
            self.recipients.remove(recipient)

    def data(self, _):
        if not self.answer("data", "354 go on").startswith("3"):
            return
        lines = []
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise _HungUp
            lines.append(line[1:] if line.startswith(b".") else line)
        mail = self.last = Mail(self, b"".join(lines))
        mail.answer = self.answer("end", "250 2.0.0 taken", mail)

    def rset(self, _):
        self.answer("rset", "250 2.0.0 ok")

    def quit(self, _):
        self.sink.leave(self)
        self.answer("quit", "221 2.0.0 bye")
        raise _HungUp

    VERBS = {"EHLO": ehlo, "HELO": ehlo, "STARTTLS": starttls, "AUTH": auth,
             "MAIL": mail, "RCPT": rcpt, "DATA": data, "RSET": rset,
             "NOOP": rset, "QUIT": quit}


class Sink:
    """TLS is an ssl.SSLContext: STARTTLS is offered, or with IMPLICIT_TLS it
    begins at once. USERS (name: password) are offered AUTH; nobody needs it.
    LISTENER: a socket elsewhere than on loopback. MAILS are those that came to their final dot; COMMANDS all other lines."""

    def __init__(self, tls=None, implicit_tls=False, users=None,
                 size=50_000_000, extensions=(), port=0, listener=None):
        self.tls, self.implicit_tls, self.users = tls, implicit_tls, users
        self.size, self.extensions = size, list(extensions)
        self.replies, self.scripts = {}, collections.defaultdict(list)
        self.mails, self.commands = [], []
        self.connections = self.most_open = self.stalled = 0
        self.release = threading.Event()
        self.lock, self.sessions = threading.Lock(), set()
        self.listener = listener or socket.create_server(
            ("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self.close()
        if error is None:
            xmlcheck.check_mails(mail.data for mail in self.mails)

    @property
    def url(self):
        scheme = "smtps" if self.implicit_tls else "smtp"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def taken(self):
        return [mail for mail in self.mails if mail.taken]

    @property
    def reports(self):
        """How often each Report-ID was taken."""
        return collections.Counter(mail.report_id for mail in self.taken)

    def script(self, stage, *replies):
        """The next answers at STAGE, one after the other."""
        assert stage in STAGES, stage
        with self.lock:
            self.scripts[stage] += replies

    def next_reply(self, stage, session):
        with self.lock:
            script = self.scripts[stage]
            reply = script.pop(0) if script else self.replies.get(stage)
        return reply(session) if callable(reply) else reply

    def serve(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(connection,),
                                 daemon=True).start()

    def talk(self, connection):
        with self.lock:
            self.connections += 1
            session = Session(self, connection, self.connections)
            self.sessions.add(session)
            self.most_open = max(self.most_open, len(self.sessions))
        try:
            with contextlib.suppress(_HungUp, OSError):
                session.run()
        finally:
            self.leave(session)
            with contextlib.suppress(OSError):
                session.lines.close()
                session.connection.close()

    def leave(self, session):
        """Before its client knows, who may come again at once."""
        with self.lock:
            self.sessions.discard(session)

    def hang_up(self):
        """Ends all connections there are now."""
        with self.lock:
            for session in self.sessions:
                with contextlib.suppress(OSError):
                    session.connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        """No more connections; nobody answers on the port then."""
        self.release.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.hang_up()


def certificate(folder, names="IP:127.0.0.1,DNS:localhost"):
    """A certificate that nobody signed but itself, for NAMES; its file, which
    serves as that of the authority too, and the context for a Sink."""
    folder.mkdir(exist_ok=True)
    file, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=sink.example", "-addext", f"subjectAltName={names}", "-keyout",
         key, "-out", file], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context
