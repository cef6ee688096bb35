"""The cell of kind ``emergence``: a learner trained on all labels, its inside looked at closely."""

from pauca.study.cells._trained import AbstractTrained, Looked, Trained, labels_of
from pauca.study.cells.base import Desk, cells
from pauca.study.emergence import examined, measure_all
from pauca.study.evaluate import npz, walls

__all__ = ["Emergence"]


@cells.register("emergence")
class Emergence(AbstractTrained):
    """Trains once, or leaves the net as it starts; then measures everything, and keeps members."""

    kind = "emergence"
    share = 0.4

    def look(self, desk: Desk, trained: Trained) -> Looked:
        """Every measure; members of ensembles and class means as arrays, and walls."""
        learner, test, streams = trained.learner, trained.test, trained.streams
        exam = examined(
            learner,
            trained.train,
            test,
            trained.probs.argmax(1),
            desk.settings["items"],
            streams.generator("analysis", 2),
        )
        found = measure_all(
            exam, lambda part, what: desk.report(self.share + (1 - self.share) * part, what)
        )
        labels = labels_of(test, trained.dataset.name)
        blobs = {
            "walls.npz": walls(learner, test, labels, streams.generator("analysis", 1)),
            "emergence.npz": npz(found.arrays),
        }
        return Looked(found.record, blobs, found.seconds)
