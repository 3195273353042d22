"""Entries of a history, as each program writes them, and what became of them."""
import contextlib
import sqlite3


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _head(domain, received, job):
    return (f"job {job}\nreporter mx.test\nreceived {received}\n"
            f"ipaddr 192.0.2.1\nfrom {domain}\nmfrom {domain}\nspf 0\n")


def _policy(domain):
    return (f"pdomain {domain}\npolicy 15\nrua mailto:r@{domain}\npct 100\n"
            "adkim 114\naspf 114\np 110\nsp 0\n")


def ours(domain, received, job="4fQ1", more=""):
    """MORE: further lines."""
    text = (f"{_head(domain, received, job)}{_policy(domain)}dmarc pass\n"
            f"align_dkim 5\nalign_spf 4\naction 2\n{more}")
    return f"{text}end {len(text)} {crc32c(text.encode()):08X}\n"


def opendmarc(domain, received, job="4C1"):
    return (f"{_head(domain, received, job)}{_policy(domain)}align_dkim 5\n"
            "align_spf 4\narc 7\narc_policy 2 json:[]\naction 2\n")


def exim(domain, received, job="1xVTy2-000000007e4-20go"):
    return (f"{_head(domain, received, job)}dkim {domain} s1 7\n"
            f"{_policy(domain)}align_dkim 5\nalign_spf 4\naction 2\n"
            "arc 11\narc_policy 1 json[ ]\n")


def old_exim(domain, received, job="1xVTy6-0007ez-1V"):
    return (f"{_head(domain, received, job)}dkim {domain} 7\n"
            f"{_policy(domain)}align_dkim 5\nalign_spf 4\naction 2\n")


def stored(database):
    """How many messages of each domain; how many bad entries under None."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        counts = dict(connection.execute(
            "SELECT policy_domain, SUM(messages) FROM dmarc_row"
            " GROUP BY policy_domain"))
        rejected, = connection.execute(
            "SELECT COALESCE(SUM(rejected), 0) FROM dmarc_batch").fetchone()
    return counts | ({None: rejected} if rejected else {})
