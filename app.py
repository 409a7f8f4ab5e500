"""Orrery: assembles the site from the labs that are found, and serves it."""

import os

# Experiments are many and small: threads of the matrix library would only stand in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads otherwise spin while they wait for each other
if os.environ.get("SPACES_ZERO_GPU") == "true":
    import spaces  # noqa: F401  must come before anything that imports torch

import pages
from pages.shell.operating import CannotServe, port_of, refuse

try:
    port_of(os.environ)  # before Gradio, which reads it as it is imported and raises
except CannotServe as error:
    refuse(error)

from pages.shell.site import Site

site = Site(pages.discover(), pages.CHAPTERS)
demo = site.demo

if __name__ == "__main__":
    try:
        site.launch()
    except CannotServe as error:
        refuse(error)
