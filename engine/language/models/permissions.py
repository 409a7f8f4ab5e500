"""Whose models this server opens: said by the operator in the environment, never by a visitor.

ORRERY_HUB_MODELS: "all", "none", or Hub ids separated by commas. Unset, it is "all" where the operator alone is served
    (`engine.core.privacy`) and "none" elsewhere.
ORRERY_MODELS_FOLDER: the directory whose folders may be named as "folder:NAME".
ORRERY_LARGEST_MODEL: megabytes that a model's weights may take in float32, 2000 unless said otherwise.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from engine.core import Refused, privacy
from engine.core.params import shown
from engine.core.words import T

NAME = "model"
LARGEST = 2000  # megabytes
PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
HUB_ID = re.compile(rf"{PART}(?:/{PART})?")


def largest() -> int:
    """Bytes in float32 that a model may take. Raises ValueError where the operator wrote no positive number."""
    text = os.environ.get("ORRERY_LARGEST_MODEL", "") or str(LARGEST)
    if not text.strip().isdecimal() or int(text) < 1:
        raise ValueError(f"ORRERY_LARGEST_MODEL must be a positive whole number of megabytes; got {shown(text)}")
    return int(text) * 10**6


def hub_id(text: str) -> str:
    """A Hub id that may be fetched here. Raises `Refused` where it is none, or the operator does not allow it."""
    if not HUB_ID.fullmatch(text) or "--" in text or ".." in text:
        raise Refused(
            T(
                "{parameter} must be embedded, a Hub id such as owner/name, or folder:NAME; got {text}",
                "{parameter} 必须是 embedded、形如 owner/name 的 Hub 名称，或 folder:名称；收到 {text}",
                parameter=NAME,
                text=shown(text),
            ),
            NAME,
        )
    allowed = os.environ.get("ORRERY_HUB_MODELS", "").strip() or ("all" if privacy.private() else "none")
    if allowed == "none":
        raise Refused(
            T(
                "models of the Hub are switched off on this server (ORRERY_HUB_MODELS allows them, or ORRERY_PRIVATE=1 on one's own machine); "
                "got {text}",
                "此服务器未开放 Hub 模型（由 ORRERY_HUB_MODELS 开放，或在自己的机器上设 ORRERY_PRIVATE=1）；收到 {text}",
                text=shown(text),
            ),
            NAME,
        )
    listed = [part.strip() for part in allowed.split(",")]
    if allowed != "all" and text not in listed:
        names = ", ".join(listed)
        raise Refused(
            T(
                "{parameter} must be embedded or one that this server allows ({names}); got {text}",
                "{parameter} 必须是 embedded，或此服务器允许的模型（{names}）；收到 {text}",
                parameter=NAME,
                names=names,
                text=shown(text),
            ),
            NAME,
        )
    return text


def named_folder(name: str) -> Path:
    """The folder of this name inside the directory that the operator named. Raises `Refused`."""
    root = os.environ.get("ORRERY_MODELS_FOLDER", "")
    if not root:
        raise Refused(
            T(
                "this server offers no folder of models (ORRERY_MODELS_FOLDER names one); got {name}",
                "此服务器没有提供模型目录（由 ORRERY_MODELS_FOLDER 指定）；收到 {name}",
                name=shown(name),
            ),
            NAME,
        )
    inside = Path(root).resolve()
    # A name alone, and what it leads to must stay inside even where it is a link.
    plain = re.fullmatch(r"[\w.-]+(?: [\w.-]+)*", name) and name.strip(".")
    path = existing(inside / name) if plain else None
    if path is None or path == inside or not path.is_relative_to(inside):
        raise Refused(
            T(
                "folder:NAME must name a folder in this server's directory of models; got {name}",
                "folder:名称 必须是此服务器模型目录中的文件夹；收到 {name}",
                name=shown(name),
            ),
            NAME,
        )
    return path


def is_path(text: str) -> bool:
    """Whether a text is meant as a path on this machine rather than as a Hub id."""
    return text.startswith(("/", "./", "../", "~")) or text in {".", ".."} or "\\" in text


def typed_folder(text: str) -> Path:
    """The folder at a path, which is opened only where the server is the person's own. Raises `Refused`."""
    if not privacy.private():
        raise Refused(
            T(
                "a path is not opened on a server that others may reach (ORRERY_PRIVATE=1 says that it is yours alone); "
                "name a folder it offers as folder:NAME; got {text}",
                "可能对外开放的服务器不打开路径（仅供自己使用时设 ORRERY_PRIVATE=1）；请用 folder:名称 指定它提供的文件夹；收到 {text}",
                text=shown(text),
            ),
            NAME,
        )
    path = existing(Path(text))
    if path is None:
        raise Refused(
            T(
                "{parameter} must be a folder that exists; got {text}",
                "{parameter} 必须是存在的文件夹；收到 {text}",
                parameter=NAME,
                text=shown(text),
            ),
            NAME,
        )
    return path


def existing(path: Path) -> Path | None:
    """The folder to which a path leads, None where there is none."""
    try:
        found = path.expanduser().resolve()
        return found if found.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long, no such home, a loop of links, a zero byte
        return None
