"""Forward-Forward learning in pure torch: layers that learn from their own goodness.

Every axis is a module of its own with a registry of its own: goodness, losses, labels (how a label
is written into an item), negatives, normalise, layers, schedules, readout. ``recipe`` holds one
choice on each, ``net`` puts layers together and ``training`` trains them. Letters: n items, b items
of a batch, r rows (labels shown to each item), c classes, d numbers read, u units, l layers.
"""

from pauca.forward.adversary import moved
from pauca.forward.calibration import (
    Calibration,
    calibrate,
    equal_error_threshold,
    fit_temperature,
)
from pauca.forward.edited import edited, goodness_under
from pauca.forward.goodness import (
    L1,
    L2,
    AbstractGoodness,
    ChannelWise,
    LInf,
    MeanOfSquares,
    SumOfSquares,
    TopK,
    goodnesses,
)
from pauca.forward.label_patterns import RandomPatterns, Spatial
from pauca.forward.labels import AbstractLabelCode, Append, NoLabel, Overlay, label_codes
from pauca.forward.layers import AbstractLayer, Conv2dLayer, LinearLayer, LocalLayer, layers
from pauca.forward.losses import AbstractLoss, CrossEntropy, Difference, Threshold, losses
from pauca.forward.negatives import (
    AbstractNegatives,
    AbstractWrongItems,
    AbstractWrongLabels,
    AllWrong,
    HardWrong,
    HybridMask,
    RandomWrong,
    SelfContrastive,
    negatives,
)
from pauca.forward.net import ForwardNet, Prepared
from pauca.forward.noise import Noise
from pauca.forward.normalise import (
    AbstractNormalisation,
    AbstractScaling,
    BatchNorm,
    L2Scaling,
    LayerNorm,
    Moments,
    NoScaling,
    RMSScaling,
    normalisations,
)
from pauca.forward.plan import Plan
from pauca.forward.probe import LinearProbe
from pauca.forward.readout import (
    AbstractGoodnessReadout,
    AbstractReadout,
    PlainSum,
    ProbeReadout,
    SoftmaxSum,
    readouts,
)
from pauca.forward.recipe import Recipe
from pauca.forward.schedules import (
    AbstractSchedule,
    AbstractStage,
    EndToEnd,
    Greedy,
    OneLayer,
    Overlapping,
    Simultaneous,
    schedules,
)
from pauca.forward.seeds import train_seeds
from pauca.forward.shortlist import agreement, shortlist_goodness
from pauca.forward.source import Items, Source
from pauca.forward.speed import Speed
from pauca.forward.training import Trained, Training, train

__all__ = [
    "L1",
    "L2",
    "AbstractGoodness",
    "AbstractGoodnessReadout",
    "AbstractLabelCode",
    "AbstractLayer",
    "AbstractLoss",
    "AbstractNegatives",
    "AbstractNormalisation",
    "AbstractReadout",
    "AbstractScaling",
    "AbstractSchedule",
    "AbstractStage",
    "AbstractWrongItems",
    "AbstractWrongLabels",
    "AllWrong",
    "Append",
    "BatchNorm",
    "Calibration",
    "ChannelWise",
    "Conv2dLayer",
    "CrossEntropy",
    "Difference",
    "EndToEnd",
    "ForwardNet",
    "Greedy",
    "HardWrong",
    "HybridMask",
    "Items",
    "L2Scaling",
    "LInf",
    "LayerNorm",
    "LinearLayer",
    "LinearProbe",
    "LocalLayer",
    "MeanOfSquares",
    "Moments",
    "NoLabel",
    "NoScaling",
    "Noise",
    "OneLayer",
    "Overlapping",
    "Overlay",
    "PlainSum",
    "Plan",
    "Prepared",
    "ProbeReadout",
    "RMSScaling",
    "RandomPatterns",
    "RandomWrong",
    "Recipe",
    "SelfContrastive",
    "Simultaneous",
    "SoftmaxSum",
    "Source",
    "Spatial",
    "Speed",
    "SumOfSquares",
    "Threshold",
    "TopK",
    "Trained",
    "Training",
    "agreement",
    "calibrate",
    "edited",
    "equal_error_threshold",
    "fit_temperature",
    "goodness_under",
    "goodnesses",
    "label_codes",
    "layers",
    "losses",
    "moved",
    "negatives",
    "normalisations",
    "readouts",
    "schedules",
    "shortlist_goodness",
    "train",
    "train_seeds",
]
