"""Files that Keras fetches from the network: whether they are there, or can be had."""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from decouple.files import expanded
from decouple.keras_settings import ELSEWHERE

# A first request, before Keras's download, which has no time limit of its own.
PROBE_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
PROBE_SECONDS = 4.0
STALL_SECONDS = 20.0


def is_cached(name: str) -> bool:
    """Whether Keras has this file among its models already."""
    homes = (os.environ.get("KERAS_HOME", "~/.keras"), ELSEWHERE)
    return any((expanded(home) / "models" / name).is_file() for home in homes)


def reachable(url: str = PROBE_URL) -> bool:
    """Whether any answer comes within `PROBE_SECONDS`, name resolution included."""
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=PROBE_SECONDS).close()
        except urllib.error.HTTPError:
            pass  # an answer all the same
        except Exception:  # whatever answers may speak no HTTP at all
            return
        answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answered.is_set()


@contextmanager
def time_limit_on_sockets() -> Iterator[None]:
    """A download that stalls ends instead of hanging."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
