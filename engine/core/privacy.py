"""Whether this process serves its operator alone. Nothing that it sees can tell, so nothing is inferred: the operator says so.

ORRERY_PRIVATE: "1" where nobody else reaches this machine's server. Paths on it may then be named, and the Hub asked.
"""

from __future__ import annotations

import os
import threading

_others = threading.Event()


def private() -> bool:
    """Whether the operator alone is served: said in the environment, and no request has shown otherwise."""
    return os.environ.get("ORRERY_PRIVATE", "").strip() == "1" and not _others.is_set()


def others_seen() -> None:
    """A request came by a proxy or from another machine: whatever the environment says, from now on others are served."""
    _others.set()
