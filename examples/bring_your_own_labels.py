"""A session with a person: the answers come from the keyboard, every event is kept in a file.

Run it again to go on where you stopped. Try: yes 3 | python examples/bring_your_own_labels.py
"""

import json
import sys
from pathlib import Path

import pauca

FILE = Path(sys.argv[1] if len(sys.argv) > 1 else "session.json")
SHADES = " .:-=+*#%@"

data = pauca.load_dataset("digits")
learner = pauca.make_learner("backprop", task=data.task, steps=100)
events = json.loads(FILE.read_text()) if FILE.exists() else []
session = pauca.Session(
    data.train.x,
    learner,
    pauca.make_strategy("margin"),
    streams=pauca.Streams(study_seed=1),
    events=events,
)
waiting = session.pending if len(session.pending) else session.ask(5)
for item in waiting.tolist():
    for row in data.train.x[item, 0].tolist():
        print("".join(SHADES[value * (len(SHADES) - 1) // 255] * 2 for value in row))
    answer = input(f"item {item}: which digit? (Enter skips) ").strip()
    if answer:
        session.tell([item], [int(answer)])
    else:
        session.skip([item])
    FILE.write_text(json.dumps(session.events))  # on disk before the next item shows
print(f"\n{len(session.labelled_ids)} labels so far, kept in {FILE}")
