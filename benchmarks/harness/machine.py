"""On what it was measured, and with which versions."""

import json
import os
import platform
import re
import subprocess
import time

from .packages import find, postgres_folder
from .paths import BENCHMARKS, ROOT


def describe():
    with open("/proc/cpuinfo", encoding="utf-8") as cpus:
        cpu = re.search(r"model name\s*:\s*(.*)", cpus.read()).group(1)
    with open("/proc/meminfo", encoding="utf-8") as memory:
        kib = int(re.search(r"MemTotal:\s+(\d+)", memory.read()).group(1))
    return {
        "date": time.strftime("%-d %B %Y", time.gmtime()),
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "cpu": cpu,
        "memory_gib": kib / 2**20,
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {distribution()}",
        "commit": said(["git", "rev-parse", "--short", "HEAD"]),
        "versions": versions(),
    }


def distribution():
    with open("/etc/os-release", encoding="utf-8") as release:
        return re.search(r'PRETTY_NAME="?([^"\n]*)', release.read()).group(1)


def versions():
    requirements = open(os.path.join(BENCHMARKS, "peers", "allauth", "requirements.in"), encoding="utf-8").read()
    pinned = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)", requirements, re.M))
    return {
        "rustc": said(["rustc", "--version"]).split()[1],
        "nginx": said([find("nginx"), "-v"]).split("/")[-1],
        "wrk": re.search(r"wrk (\S+)", said([find("wrk"), "-v"])).group(1),
        "autocannon": of_npm("load", "autocannon"),
        "PostgreSQL": re.search(r"(\d+\.\d+)", said([postgres_folder() + "/postgres", "--version"])).group(1),
        "Node": said(["node", "--version"]).lstrip("v"),
        "better-auth": of_npm(os.path.join("peers", "better-auth"), "better-auth"),
        "better-sqlite3": of_npm(os.path.join("peers", "better-auth"), "better-sqlite3"),
        "Python": platform.python_version(),
        "Django": pinned["django"],
        "django-allauth": pinned["django-allauth"],
        "gunicorn": pinned["gunicorn"],
    }


def of_npm(folder, package):
    with open(os.path.join(BENCHMARKS, folder, "package.json"), encoding="utf-8") as file:
        return json.load(file)["dependencies"][package]


def said(command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip()
