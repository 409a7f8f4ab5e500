"""Set before anything imports triton: kernels run under its interpreter where there is no GPU."""

import os

from engine.core import devices

if not devices.gpu_may_exist():
    os.environ.setdefault("TRITON_INTERPRET", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
