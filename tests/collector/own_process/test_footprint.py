"""What a collector does without, on any Python."""

import subprocess
import sys

import pytest

BEGIN = """
import sys
for module in {absent}:
    sys.modules[module] = None
from execdb.collector.own_process.footprint import stay_small
stay_small()
from execdb.store.file.database import Database
import hashlib
print(hashlib.sha256(b"").hexdigest()[:8], "libcrypto" in open("/proc/self/maps").read())
"""


@pytest.mark.parametrize(
    ("absent", "openssl"),
    [((), False), (("_md5", "_sha1", "_sha2", "_sha256", "_sha512", "_sha3"), True)],
)
def test_openssl_stays_out_where_python_has_hashes_of_its_own(
    absent: tuple[str, ...], openssl: bool
) -> None:
    """Distributions may build it with OpenSSL's alone (configure --with-builtin-hashlib-hashes)."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN.format(absent=absent)], capture_output=True, text=True
    )
    assert (done.stdout.split(), done.stderr) == (["e3b0c442", str(openssl)], "")
