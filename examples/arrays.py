"""A strategy alone, on arrays that come from anywhere: no learner, no session, no data set.

Here: scikit-learn's logistic regression gives probabilities, its inputs are the features.
"""

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
