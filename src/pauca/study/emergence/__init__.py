"""What is measured of one trained learner in an emergence study."""

from pauca.study.emergence.examined import Examined, examined
from pauca.study.emergence.measure import Measured, measure_all

__all__ = ["Examined", "Measured", "examined", "measure_all"]
