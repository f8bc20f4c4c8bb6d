"""What must be installed, and what is fetched: at the versions and with the hashes that stand in
the lock files, into target/bench."""

import filecmp
import glob
import os
import shutil
import subprocess
import sys

from .paths import BENCHMARKS, LOAD, SCRATCH

# Program, and the package of Debian that has it.
NEEDED = [("nginx", "nginx"), ("wrk", "wrk"), ("node", "nodejs"), ("npm", "npm"),
          ("cargo", "Rust, see https://rustup.rs")]


def check():
    """Ends with a list of what is missing."""
    missing = [package for program, package in NEEDED if not find(program)]
    if "nodejs" not in missing and node_version() < 20:
        missing.append("nodejs (20 or later)")
    if not postgres_folder():
        missing.append("postgresql")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        missing.append("python3-venv")
    if missing:
        sys.exit("scripts/bench: missing, by the names of Debian's packages: " + ", ".join(missing))


def find(program):
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def node_version():
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.lstrip("v").split(".")[0])


def postgres_folder():
    """Where the server's programs are."""
    found = shutil.which("initdb") or max(glob.glob("/usr/lib/postgresql/*/bin/initdb"), default=None)
    return os.path.dirname(found) if found else None


def fetch():
    """The load generator and the peers; at once where they are there already."""
    fetch_npm(os.path.join(BENCHMARKS, "load"), LOAD)
    peer = os.path.join(SCRATCH, "better-auth")
    fetch_npm(os.path.join(BENCHMARKS, "peers", "better-auth"), peer)
    fetch_pip(os.path.join(BENCHMARKS, "peers", "allauth"), os.path.join(SCRATCH, "allauth"))


def fetch_npm(source, folder):
    if is_fresh(source, folder, "package-lock.json") and os.path.isdir(folder + "/node_modules"):
        return copy(source, folder)
    copy(source, folder)
    print(f"fetching what {os.path.basename(folder)} needs from npm", flush=True)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True)


def fetch_pip(source, folder):
    python = os.path.join(folder, "venv", "bin", "python")
    if is_fresh(source, folder, "requirements.txt") and os.path.exists(python):
        return copy(source, folder)
    copy(source, folder)
    print(f"fetching what {os.path.basename(folder)} needs from PyPI", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder + "/venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                    "--require-hashes", "-r", "requirements.txt"], cwd=folder, check=True)


def is_fresh(source, folder, lock):
    there = os.path.join(folder, lock)
    return os.path.exists(there) and filecmp.cmp(os.path.join(source, lock), there, shallow=False)


def copy(source, folder):
    shutil.copytree(source, folder, dirs_exist_ok=True)
