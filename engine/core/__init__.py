"""What every experiment is made of: parameters, the experiment itself, and how it is run."""

from engine.core.experiments import Experiment, Partial, experiment
from engine.core.findings import Finding, gather
from engine.core.params import Field, Params, Refused, Task
from engine.core.words import T

__all__ = ["Experiment", "Field", "Finding", "Params", "Partial", "Refused", "T", "Task", "experiment", "gather"]
