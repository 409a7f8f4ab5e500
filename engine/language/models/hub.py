"""A model of the Hub, brought into the local cache: its size is asked first, and only data files are fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core import Refused, privacy
from engine.core.params import shown
from engine.core.words import T
from engine.language.models import permissions
from engine.language.models.permissions import NAME
from engine.language.models.refusing import adapter, going_on

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

SECONDS = 10
DATA = ("config.json", "tokenizer.json", "preprocessor_config.json")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
LARGEST_DATA = 64 * 10**6  # bytes of one file that holds no weights


def fetch(name: str, revision: str | None = None) -> Path:
    """The folder in the Hub's local cache that holds the model's weights (safetensors), configuration and tokenizer,
    or how it prepares pictures. revision: a branch, a tag or a commit, in place of the main one.

    What was fetched before serves without a network. Stored credentials are used only where the operator alone is served.
    Raises `Refused` for an id that the Hub does not know, no network, no safetensors, a model over the size limit.
    """
    from huggingface_hub import HfApi, errors, hf_hub_download

    token = None if privacy.private() else False
    try:
        info = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=SECONDS, token=token)
        files = wanted(name, info)
        paths = [hf_hub_download(name, file, revision=info.sha, token=token) for file in files]
        return Path(paths[0]).parent
    except errors.GatedRepoError:
        raise going_on(T("{name} asks for an agreement on the Hub first", "{name} 需要先在 Hub 上同意其条款", name=name)) from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError, errors.DisabledRepoError):
        raise going_on(T("the Hub has no public model of the id {name}", "Hub 上没有名为 {name} 的公开模型", name=name)) from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "?")
        raise going_on(
            T("the Hub did not hand over {name} (status {status})", "Hub 未能提供 {name}（状态 {status}）", name=name, status=status)
        ) from None
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, errors.HTTPError, OSError):
        return cached(name, revision)


def revision(text: str) -> str:
    """The name of a branch, a tag or a commit. Raises `Refused` where it is none."""
    if not REVISION.fullmatch(text) or ".." in text:
        raise Refused(
            T(
                "a revision must be the name of a branch or a tag, or a commit; got {text}",
                "版本必须是分支名、标签名或提交号；收到 {text}",
                text=shown(text),
            ),
            NAME,
        )
    return text


def cached(name: str, revision: str | None = None) -> Path:
    """The folder of a model that was fetched before. Raises `Refused` where it was not."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    snapshots = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "snapshots"
    which = "*"
    if revision is not None:
        pointer = snapshots.parent / "refs" / revision
        which = pointer.read_text().strip() if pointer.is_file() else revision
    found = sorted(snapshots.glob(f"{which}/config.json"), key=lambda path: path.lstat().st_mtime)
    if not found:
        raise going_on(
            T("the Hub cannot be reached and {name} was not fetched before", "此处无法连接 Hub，且 {name} 之前未下载过", name=name)
        )
    return found[-1].parent


def wanted(name: str, info: ModelInfo) -> list[str]:
    """The files to fetch: all safetensors at the top, the configuration, the tokenizer. Raises `Refused`."""
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    weights = weight_files(sizes)
    if "adapter_config.json" in sizes and not weights:
        raise adapter(name)
    if not weights:
        raise Refused(
            T(
                "{name} has no weights in the safetensors format; no other is opened",
                "{name} 没有 safetensors 格式的权重；不会打开其他格式",
                name=name,
            ),
            NAME,
        )
    refuse_over_limit(name, max(sum(sizes[f] for f in weights), widened(info)))
    data = [f for f in DATA if f in sizes]
    if any(sizes[f] > LARGEST_DATA for f in data):
        raise Refused(
            T(
                "{name} has a configuration or tokenizer of more than {most:bytes}; that is not opened",
                "{name} 的配置或分词器超过 {most:bytes}；不予打开",
                name=name,
                most=LARGEST_DATA,
            ),
            NAME,
        )
    return data + weights


def weight_files(names: Iterable[str]) -> list[str]:
    """Of a folder's files those that hold the model: one file, or its parts."""
    found = sorted(name for name in names if WEIGHTS.fullmatch(name))
    return ["model.safetensors"] if "model.safetensors" in found else found


def widened(info: Any) -> int:
    """Bytes of the weights in float32, where the Hub tells how many numbers there are."""
    told = getattr(info, "safetensors", None)
    return 4 * sum(told.parameters.values()) if told is not None and told.parameters else 0


def refuse_over_limit(name: str, size: int) -> None:
    """Raise `Refused` where weights of so many bytes are more than this server takes."""
    most = permissions.largest()
    if size > most:
        raise Refused(
            T(
                "a model must take at most {most:bytes} in float32 here; {name} takes {size:bytes}",
                "此处的模型以 float32 计不能超过 {most:bytes}；{name} 需要 {size:bytes}",
                most=most,
                name=name,
                size=size,
            ),
            NAME,
        )
