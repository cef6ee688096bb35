"""A strategy alone, on arrays that come from anywhere: no learner, no session, no data set.

Here: scikit-learn's logistic regression gives probabilities, its inputs are the features. Any other
model does as well: what counts are an array of probabilities [n, c], or [s, n, c] of s models, and
where a strategy needs them features [n, d]. The answer is the row numbers passed as ids.
"""

import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import pauca

x, y = load_iris(return_X_y=True)
labelled = [0, 1, 50, 51, 100, 101]
rest = [i for i in range(len(x)) if i not in labelled]
model = LogisticRegression(max_iter=1000).fit(x[labelled], y[labelled])

pool = pauca.Outputs.from_arrays(model.predict_proba(x[rest]), ids=rest, features=x[rest])
known = pauca.Outputs.from_arrays(
    model.predict_proba(x[labelled]), ids=labelled, features=x[labelled], labels=y[labelled]
)
for name in ("margin", "badge", "k-center"):
    strategy = pauca.make_strategy(name)
    ids = strategy.select(pool, known, k=5, generator=torch.Generator().manual_seed(1))
    print(f"{name}: label rows {ids.tolist()}")

# several models in place of one: where do they contradict each other?
models = [
    LogisticRegression(C=c, max_iter=1000).fit(x[labelled], y[labelled]) for c in (0.1, 1, 10)
]
several = pauca.Outputs.from_arrays(np.stack([m.predict_proba(x[rest]) for m in models]), ids=rest)
bald = pauca.make_strategy("bald")
ids = bald.select(several, None, k=5, generator=torch.Generator().manual_seed(1))
print(f"bald: label rows {ids.tolist()}")
