"""Forward-Forward learning in pure torch: layers that learn from their own goodness.

Every axis is a module of its own with a registry of its own: goodness, losses, labels (how a label
is written into an item), negatives, normalise, layers, schedules, readout. ``net`` puts layers
together and ``training`` trains them. Letters: n items, b items of a batch, r rows (labels shown to
each item), c classes, d numbers read, u units, l layers.
"""

from pauca.forward.goodness import (
    L1,
    L2,
    AbstractGoodness,
    LInf,
    MeanOfSquares,
    SumOfSquares,
    goodnesses,
)
from pauca.forward.labels import AbstractLabelCode, Append, Overlay, label_codes
from pauca.forward.layers import AbstractLayer, LinearLayer, layers
from pauca.forward.losses import AbstractLoss, Threshold, losses
from pauca.forward.negatives import AbstractNegatives, RandomWrong, negatives
from pauca.forward.net import ForwardNet, Prepared
from pauca.forward.normalise import AbstractScaling, L2Scaling, NoScaling, normalisations
from pauca.forward.readout import AbstractReadout, PlainSum, SoftmaxSum, readouts
from pauca.forward.schedules import (
    AbstractSchedule,
    AbstractStage,
    EndToEnd,
    Greedy,
    Items,
    schedules,
)
from pauca.forward.training import Plan, Trained, train

__all__ = [
    "L1",
    "L2",
    "AbstractGoodness",
    "AbstractLabelCode",
    "AbstractLayer",
    "AbstractLoss",
    "AbstractNegatives",
    "AbstractReadout",
    "AbstractScaling",
    "AbstractSchedule",
    "AbstractStage",
    "Append",
    "EndToEnd",
    "ForwardNet",
    "Greedy",
    "Items",
    "L2Scaling",
    "LInf",
    "LinearLayer",
    "MeanOfSquares",
    "NoScaling",
    "Overlay",
    "PlainSum",
    "Plan",
    "Prepared",
    "RandomWrong",
    "SoftmaxSum",
    "SumOfSquares",
    "Threshold",
    "Trained",
    "goodnesses",
    "label_codes",
    "layers",
    "losses",
    "negatives",
    "normalisations",
    "readouts",
    "schedules",
    "train",
]
