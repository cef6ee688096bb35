"""A net that learns without backpropagation, as one more scikit-learn classifier.

Needs nothing but the digits that come with scikit-learn; takes half a minute.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pauca

x, y = load_digits(return_X_y=True)
words = "zero one two three four five six seven eight nine"
names = np.array(words.split())[y]
train, test, named, expected = train_test_split(x, names, test_size=0.3, random_state=0)

models = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "forward-forward": pauca.ForwardForwardClassifier(
        widths=[200, 200], epochs=40, batch=64, random_state=0
    ),
    "the same, one label pattern a class, all wrong labels": pauca.ForwardForwardClassifier(
        widths=[200, 200], epochs=40, batch=64, label="random", negatives="all", random_state=0
    ),
}
for name, model in models.items():
    model.fit(train, named)
    print(f"{name}: {100 * model.score(test, expected):.1f} % of the test digits are right")

forward = models["forward-forward"]
for record in forward.history_[-2:]:
    print(
        f"layer {record['layer']:.0f} at the end: goodness {record['goodness_positive']:.2f} with "
        f"the right label, {record['goodness_negative']:.2f} with a wrong one"
    )

# images are taken as they are: uint8 [n, height, width] or [n, height, width, channels]
images = (x.reshape(-1, 8, 8) * 15.9).astype(np.uint8)
model = pauca.ForwardForwardClassifier(
    widths=[{"name": "conv2d", "channels": 20}, {"name": "conv2d", "channels": 20, "pool": 2}],
    goodness="channel-wise",
    loss="cross-entropy",
    epochs=20,
    batch=64,
    random_state=0,
).fit(images[:1200], y[:1200])
right = 100 * model.score(images[1200:], y[1200:])
print(f"convolutions, one group of channels a class: {right:.1f} % of the others are right")
