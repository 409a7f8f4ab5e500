"""What every experiment is made of: parameters, the experiment itself, and how it is run."""

from engine.core.experiments import Experiment, Partial, experiment
from engine.core.params import Field, Params, Refused

__all__ = ["Experiment", "Field", "Params", "Partial", "Refused", "experiment"]
