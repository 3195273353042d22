"""Signs messages for tests and the demo (RFC 6376, relaxed/relaxed) with the
openssl command, so that what is verified was not made by the code that verifies
it. RSA and Ed25519 are deterministic: same key, same file."""
import base64
import hashlib
import re
import subprocess
import tempfile


def openssl(*args, data=b""):
    return subprocess.run(["openssl", *args], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


def text_record(name, text):
    """A line of a zone: TEXT in strings that a TXT record can hold."""
    strings = " ".join(f'"{text[i:i + 250]}"'
                       for i in range(0, len(text), 250))
    return f"{name} TXT {strings}"


class Key:
    """One selector's key: RSA or Ed25519."""

    def __init__(self, file, domain, selector, kind, bits=2048):
        self.domain, self.selector, self.kind = domain, selector, kind
        self.file = file
        if not self.file.exists():
            how = ["-pkeyopt", f"rsa_keygen_bits:{bits}"]
            self.file.write_bytes(openssl("genpkey", "-algorithm", kind,
                                          *(how if kind == "rsa" else [])))

    def public(self):
        der = openssl("pkey", "-in", str(self.file), "-pubout",
                      "-outform", "DER")
        return der if self.kind == "rsa" else der[-32:]

    def record(self):
        public = base64.b64encode(self.public()).decode()
        return text_record(f"{self.selector}._domainkey.{self.domain}",
                           f"v=DKIM1; k={self.kind}; p={public}")

    def sign(self, data, digest="sha256"):
        if self.kind == "rsa":
            return openssl("dgst", f"-{digest}", "-sign", str(self.file),
                           data=data)
        with tempfile.NamedTemporaryFile() as file:  # RFC 8463 3
            file.write(hashlib.sha256(data).digest())
            file.flush()
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey",
                           str(self.file), "-in", file.name)


def relaxed_field(name, value):
    value = re.sub(r"[ \t]+", " ", value.replace("\r\n", "")).strip(" ")
    return f"{name.strip().lower()}:{value}".encode("latin-1")


def relaxed_body(body):
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ")
             for line in body.split(b"\r\n")]
    while lines and lines[-1] == b"":
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def signed_fields(fields, names):
    """What h= covers: each name takes the lowest field that is left (5.4.2)."""
    left = list(fields)
    for wanted in names:
        for at in range(len(left) - 1, -1, -1):
            if left[at][0].strip().lower() == wanted.lower():
                yield relaxed_field(*left.pop(at)) + b"\r\n"
                break


def dkim(key, fields, body, names, time=1795426200, tags="", **instead):
    """The DKIM-Signature field for FIELDS, (name, value), and BODY. TAGS are
    more of them; INSTEAD: other values of the usual ones."""
    digest = instead.get("digest", "sha256")
    body = relaxed_body(body)[:instead.get("length")]
    bh = base64.b64encode(hashlib.new(digest, body).digest()).decode()
    value = (f" v=1; a={instead.get('a', f'{key.kind}-{digest}')};"
             f" c=relaxed/relaxed; d={instead.get('d', key.domain)};"
             f"\r\n\ts={instead.get('s', key.selector)}; t={time};{tags}"
             f" h={':'.join(names)};\r\n\tbh={bh};\r\n\tb=")
    signed = b"".join(signed_fields(fields, names))
    signed += relaxed_field("DKIM-Signature", value)
    b = base64.b64encode(key.sign(signed, digest)).decode()
    folded = "\r\n\t ".join(b[i:i + 70] for i in range(0, len(b), 70))
    return ("DKIM-Signature", value + folded)


def message(fields, body):
    head = "".join(f"{name}:{value}\r\n" for name, value in fields)
    return head.encode("latin-1") + b"\r\n" + body
