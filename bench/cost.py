"""What a message costs: messages of any size, signed, and the instructions
that judging them takes (valgrind --tool=callgrind), which are the same each
time whatever else the machine does."""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
import signing  # noqa: E402

SIGNED = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version",
          "Content-Type"]
HEAD = [("Date", " Mon, 23 Nov 2026 09:30:00 +0000"),
        ("From", " Bank <news@bank.example>"),
        ("To", " customer@receiver.example"),
        ("Subject", " Your statement"),
        ("Message-ID", " <1@bank.example>"),
        ("MIME-Version", " 1.0"),
        ("Content-Type", " text/plain; charset=utf-8")]
LINE = b"Dear customer,  your statement of this month is ready now.\r\n"


def received(number):
    return ("Received", f" from mail{number}.bank.example"
            f" (mail{number}.bank.example [192.0.2.10])\r\n\tby"
            f" mx.example (Postfix) with ESMTPS id {number:08X}\r\n\t"
            "for <customer@receiver.example>;"
            " Mon, 23 Nov 2026 09:30:00 +0000 (UTC)")


USUAL = [received(1), received(2)]


class Bank:
    """Messages of bank.example, and its DNS, in FOLDER."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.count = 0
        file = ROOT / "apps/demo/messages/keys/s1.bank.example.pem"
        self.keys = [signing.Key(file, "bank.example", f"s{number}", "rsa")
                     for number in range(10)]
        self.zone = self.folder / "zone"
        self.zone.write_text("\n".join([
            'bank.example TXT "v=spf1 ip4:192.0.2.10 -all"',
            '_dmarc.bank.example TXT "v=DMARC1; p=reject"',
            "mail.bank.example A 192.0.2.10",
            *(key.record() for key in self.keys)]) + "\n")

    def write(self, fields=USUAL, body=3600, signatures=1, names=SIGNED):
        """A message with more FIELDS on top, and BODY bytes of it."""
        text = (LINE * (body // len(LINE) + 1))[:body - 2] + b"\r\n"
        own = [signing.dkim(key, fields + HEAD, text, names)
               for key in self.keys[:signatures]]
        self.count += 1
        path = self.folder / f"{self.count}.eml"
        path.write_bytes(signing.message(fields + own + HEAD, text))
        return path


def instructions(command, stdin=b""):
    """(all, inside OpenSSL, what it printed) of COMMAND."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out"
        done = subprocess.run(
            ["valgrind", "-q", "--tool=callgrind",
             f"--callgrind-out-file={out}", *map(str, command)], check=True,
            input=stdin, stdout=subprocess.PIPE)
        text = subprocess.run(
            ["callgrind_annotate", "--threshold=100", out], check=True,
            text=True, stdout=subprocess.PIPE).stdout
    total = crypto = 0
    for line in text.splitlines():
        match = re.match(r"\s*([\d,]+) \([ \d.]+%\)\s+(.*)", line)
        if match and "PROGRAM TOTALS" in match[2]:
            total = int(match[1].replace(",", ""))
        elif match and "libcrypto" in match[2]:
            crypto += int(match[1].replace(",", ""))
    return total, crypto, done.stdout.decode().strip()


def per_message(build, mode, zone, message, few=20, many=120):
    """(all, inside OpenSSL, the result) of one more message."""
    def count(number):
        if mode == "opendkim":
            return instructions([f"{build}/bench/bench-opendkim", number,
                                 zone, message])
        return instructions([f"{build}/bench/bench-verdict", mode, number,
                             zone, message])

    low, high = count(few), count(many)
    return tuple((b - a) / (many - few)
                 for a, b in zip(low[:2], high[:2])) + (high[2],)
