"""OpenDMARC's own tools, unpacked, never installed, and run beside ours."""
import re
import sys

import parts

PERL = ["libdbi-perl", "libdbd-mysql-perl", "libswitch-perl", "liburi-perl",
        "libhttp-message-perl", "libhttp-date-perl", "libencode-locale-perl",
        "liblwp-mediatypes-perl", "libio-html-perl", "libjson-perl"]
SCHEMA = "usr/share/dbconfig-common/data/opendmarc/install/mysql"


def unpack():
    """OpenDMARC's tree, and where its modules are; ends without them."""
    try:
        tree, *modules = [parts.unpacked(name) for name in
                          ["opendmarc", *PERL]]
    except AssertionError as problem:
        sys.exit(f"opendmarc cannot be had, so nothing is beside: {problem}")
    return tree, ":".join(str(folder) for module in modules for folder in
                          [module / "usr/share/perl5",
                           *module.glob("usr/lib/*/perl5/5.*")])


def make_database(server, tree, name="opendmarc"):
    """With its tables and its usual password."""
    server.sql(f"CREATE DATABASE {name};"
               f"GRANT ALL ON {name}.* TO opendmarc@localhost"
               " IDENTIFIED BY 'opendmarc'")
    # The text makes and uses "opendmarc", whatever is there.
    tables = re.sub(r"(?m)^(CREATE DATABASE|USE) .*$", "",
                    (tree / SCHEMA).read_text())
    server.sql(tables, name)
