"""The study that runs every method of the survey, from its file to its results."""

from pathlib import Path

import pandas as pd

from pauca.report import write_report
from pauca.strategies import make_strategy, strategies
from pauca.study import run_study
from tests.own import own_names

STUDY = Path(__file__).parents[2] / "studies" / "survey-smoke.toml"


def test_every_method_of_the_survey_runs_for_two_rounds(tmp_path: Path) -> None:
    result = run_study(STUDY, tmp_path / "out", workers=0)
    assert {run.status for run in result.runs} == {"done"}
    assert all(len(run.rounds) == 3 for run in result.runs)
    assert all(run.rounds[-1]["labels"] == 60 for run in result.runs)
    asked = {run.spec.settings["strategy"]["name"] for run in result.runs}
    forward = ("goodness", "active units")  # made for Forward-Forward, and no methods of the survey
    own = {name for name in own_names(strategies) if make_strategy(name).family not in forward}
    assert asked == own
    # nobody's training was longer but for what a companion declares
    assert {one["steps"] for run in result.runs for one in run.rounds} == {100}
    more = {
        run.spec.settings["strategy"]["name"]: {one["companion_steps"] for one in run.rounds}
        for run in result.runs
    }
    assert {name: steps for name, steps in more.items() if steps != {0}} == {
        "vaal": {200},  # the autoencoder's and the discriminator's
        "waal": {100},  # the critic's
    }
    page = write_report(tmp_path / "out")
    table = pd.read_csv(page.with_name("results.csv"))
    table = table[table.metric == "companion_steps"]
    written = {name: set(part.value.astype(int)) for name, part in table.groupby("series")}
    assert {name: steps for name, steps in written.items() if steps != {0}} == {
        "vaal": {200},
        "waal": {100},
    }
    assert "Steps of the companion" in page.read_text(encoding="utf-8")
