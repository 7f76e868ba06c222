# SPDX-License-Identifier: GPL-2.0-or-later
"""What programs take for granted and no file says: names and addresses, certificates, language,
time zone, the terminal's abilities.
"""

from __future__ import annotations

from collections.abc import Mapping

from netlab.kernels.warp.packing import Packing

#: Looked up by the C library, by TLS libraries, and by most programs.
FILES = (
    *("/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf"),
    *("/etc/passwd", "/etc/group", "/etc/services", "/etc/protocols", "/etc/hostname"),
    *("/etc/os-release", "/etc/mime.types", "/etc/ethertypes", "/etc/rpc", "/etc/shells"),
    *("/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo/UTC", "/etc/locale.alias"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld-musl-x86_64.path"),
    *("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ssl/cert.pem", "/usr/lib/ssl"),
    *("/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf"),
    *("/etc/pki/ca-trust/extracted", "/etc/crypto-policies/back-ends"),
    *("/usr/lib/locale/C.utf8", "/usr/share/locale/locale.alias", "/usr/lib/locale/locale-archive"),
)
#: Those that are links in many systems, without what is in them.
FOLDERS = ("/bin", "/sbin", "/lib", "/lib64", "/var/run")
#: A locale archive larger than that has all languages of the world; each has a folder, too.
LARGEST = 16 << 20
ARCHIVE = "/usr/lib/locale/locale-archive"
LANGUAGES = ("LC_ALL", "LANG", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MESSAGES")
#: Variables that name a file that is read.
NAMED = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo")


def add(packing: Packing, environment: Mapping[str, str]) -> None:
    """Add what of it there is in the packing's tree, for a program with that environment."""
    tree = packing.tree
    for path in FILES:
        file = tree.file(path)
        if path == ARCHIVE and file is not None and file.stat().st_size > LARGEST:
            continue
        packing.add_library(path)
    for path in filter(tree.is_folder, FOLDERS):
        packing.folder(path)
    for language in {environment.get(name, "") for name in LANGUAGES} - {""}:
        name, _, coding = language.partition(".")
        for folder in (language, f"{name}.{coding.lower().replace('-', '')}", name):
            packing.add_library(f"/usr/lib/locale/{folder}")
    if zone := environment.get("TZ", "").lstrip(":"):
        packing.add_library(zone if zone.startswith("/") else f"/usr/share/zoneinfo/{zone}")
    if terminal := environment.get("TERM", ""):
        for home in TERMINFO:
            packing.add_library(f"{home}/{terminal[0]}/{terminal}")
    for name in NAMED:
        if environment.get(name, "").startswith("/"):
            packing.add_library(environment[name])
