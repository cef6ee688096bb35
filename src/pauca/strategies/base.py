"""What every strategy is: a choice of k items from what a learner says about the pool."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, final

import torch
from torch import Generator, Tensor

from pauca.checks import check_count, check_finite, check_size
from pauca.errors import CapabilityError, InputError
from pauca.outputs import Outputs, check_outputs
from pauca.registry import Registry
from pauca.select.topk import top_k

__all__ = ["AbstractScore", "AbstractStrategy", "make_strategy", "strategies"]


def _complete(maker: Callable[..., "AbstractStrategy"], settings: dict[str, Any]) -> dict[str, Any]:
    if isinstance(maker, type) and issubclass(maker, AbstractStrategy):
        return maker.complete(settings)
    return settings


strategies: Registry["AbstractStrategy"] = Registry(
    "strategy", "pauca.strategies", "strategies", complete=_complete
)
"""Every strategy by name; a new file in pauca/strategies/ that registers one is found by itself."""


class AbstractStrategy(ABC):
    """Chooses which items to have labelled next.

    A strategy knows neither learner nor data set: it reads Outputs. It never changes what it reads.
    The pool is put into increasing order of id before anything is chosen, so that the answer
    depends on neither the pool's order nor the size of the blocks it came in.

    Class attributes; a strategy that wraps another sets ``needs`` and ``reads_labelled`` on itself:
        name: Lower case with hyphens.
        family: uncertainty, disagreement, geometry, ...
        needs: What Outputs must hold: ``probs`` (always there), ``members``, ``features``,
            ``goodness``, ``layers`` (goodness of several), or the name of an extra column. With
            none, no learner is asked.
        reads_labelled: Whether ``choose`` reads the labelled items (they are only computed if so).
        companion: Name of the training companion that gives what is needed, or None.
        cost: Time of one choice in n, c, d, k, s, as a formula.
        reference: Authors, venue, year, equation.
        when: One sentence for whom it is made.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    needs: frozenset[str] = frozenset({"probs"})
    reads_labelled: bool = False
    companion: ClassVar[str | None] = None
    cost: ClassVar[str]
    reference: ClassVar[str]
    when: ClassVar[str]

    @classmethod
    def complete(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings with what follows from others filled in, so that all can be read back."""
        return settings

    @property
    def companion_settings(self) -> Mapping[str, Any]:
        """Settings of the companion, where there is one."""
        return {}

    @final
    def select(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """The ids of the k items to ask for.

        Args:
            pool: Outputs of the n unlabelled items, in any order.
            labelled: Outputs of the labelled items, or None where there are none yet.
            k: How many, 0 <= k <= n.
            generator: Source of every random number, ties included.

        Returns:
            int64 [k], distinct ids of the pool, in the order of choice.

        Raises:
            CapabilityError: ``pool`` lacks something of ``needs``.
            InputError: k is negative, larger than the pool or no whole number; pool or labelled
                are no Outputs; the generator is none of the CPU's.
        """
        return self._select(self._reduced(pool, labelled, generator), labelled, k, generator)

    def _reduced(self, pool: Outputs, labelled: Outputs | None, generator: Generator) -> Outputs:
        _check_kinds(pool, labelled, generator)
        self.check_needs(pool.has, "the pool's Outputs")
        return self.reduced(pool)

    def _select(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        k = _check_k(k, pool.n)
        pool = pool.by_id()
        if k == 0:
            return pool.ids[:0]
        chosen = self.choose(pool, None if labelled is None else labelled.by_id(), k, generator)
        check_size(chosen, k, f"the choice of {self.name}")
        return pool.ids[chosen.to(pool.ids.device)]

    def select_from_blocks(
        self, blocks: Iterable[Outputs], labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """As ``select``, from a pool that arrives in blocks; a score never holds two at once."""
        parts = [self._reduced(block, labelled, generator) for block in blocks]
        return self._select(Outputs.concat(parts), labelled, k, generator)

    def reduced(self, pool: Outputs) -> Outputs:
        """What is kept of Outputs that come block by block, and what ``choose`` is given.

        All of it by default; less where a choice needs less, so that a large pool fits in memory.
        """
        return pool

    @abstractmethod
    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Positions in ``pool`` (ordered by id) of the k >= 1 chosen items, int64 [k], distinct."""

    @final
    def check_needs(self, given: frozenset[str], whose: str) -> None:
        """Refuse, with both sides named, when something needed is not given.

        Raises:
            CapabilityError: ``needs`` is not within ``given``.
        """
        missing = self.needs - given
        if missing:
            raise CapabilityError(
                f"strategy {self.name!r} needs {', '.join(sorted(missing))}",
                expected=", ".join(sorted(self.needs)),
                got=f"{whose} gives {', '.join(sorted(given))}",
                todo=_advice(missing),
            )


class AbstractScore(AbstractStrategy):
    """A strategy that scores every item by itself: higher is asked first, ties at random.

    Applied block by block, so that member probabilities of a large pool never exist all at once.
    """

    @abstractmethod
    def score(self, pool: Outputs) -> Tensor:
        """Score of each item, float [n]; higher is asked first. Infinities are allowed, NaN not."""

    def scorer(self, labelled: Outputs | None) -> Callable[[Outputs], Tensor]:
        """What scores items once it is known what is labelled: ``score``, by default."""
        return self.score

    @final
    def choose(
        self, pool: Outputs, labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """The k highest scores, ties broken by the generator."""
        return top_k(self._checked(self.scorer(labelled)(pool), pool), k, generator)

    @final
    def select_from_blocks(
        self, blocks: Iterable[Outputs], labelled: Outputs | None, k: int, generator: Generator
    ) -> Tensor:
        """Scores each block as it comes and keeps only ids and scores."""
        scored: list[tuple[Tensor, Tensor]] = []
        score: Callable[[Outputs], Tensor] | None = None
        for block in blocks:
            _check_kinds(block, labelled, generator)
            self.check_needs(block.has, "the pool's Outputs")
            score = self.scorer(labelled) if score is None else score
            scored.append((block.ids, self._checked(score(block), block)))
        if not scored:
            raise InputError(
                "the pool is empty",
                expected="at least one block",
                got="none",
                todo="end the session: nothing is left to ask for",
            )
        ids = torch.cat([ids for ids, _ in scored])
        scores = torch.cat([scores for _, scores in scored])
        k = _check_k(k, len(ids))
        order = ids.argsort()
        return ids[order][top_k(scores[order], k, generator)]

    def _checked(self, scores: Tensor, pool: Outputs) -> Tensor:
        check_size(scores, pool.n, f"the score of {self.name}")
        if scores.ndim != 1:
            raise InputError(
                f"the score of {self.name} has more than one number an item",
                expected=f"[{pool.n}]",
                got=list(scores.shape),
                todo="give one number an item in the column that it reads",
            )
        if bool(scores.isnan().any()):
            check_finite(scores, f"the score of {self.name}")
        return scores


def make_strategy(name: str, **params: Any) -> AbstractStrategy:
    """The strategy called ``name`` with these settings.

    Raises:
        UnknownNameError: no such strategy or setting; the nearest known one is named.
        UsageError: a setting has a value that it cannot have.
    """
    return strategies.make(name, params)


def _check_kinds(pool: object, labelled: object, generator: object) -> None:
    """What is passed in by hand is of the right kind."""
    check_outputs(pool, "the pool")
    if labelled is not None:
        check_outputs(labelled, "what is labelled")
    if not isinstance(generator, Generator) or generator.device.type != "cpu":
        place = f" on {generator.device}" if isinstance(generator, Generator) else ""
        raise InputError(
            "the source of randomness is of the wrong kind",
            expected="a torch.Generator on the CPU",
            got=f"{type(generator).__name__}{place}",
            todo="pass torch.Generator().manual_seed(seed)",
        )


def _check_k(k: int, n: int) -> int:
    k = check_count(k, "k")
    if k > n:
        raise InputError(
            "more items asked for than the pool holds",
            expected=f"k <= {n}",
            got=k,
            todo="ask for fewer, or end the session: everything can be labelled",
        )
    return k


def _advice(missing: frozenset[str]) -> str:
    if "members" in missing:
        return "give the net dropout (net = 'convnet' has it) or use an ensemble of learners"
    if "goodness" in missing:
        return "use a Forward-Forward learner (forward-forward or bp-ff)"
    if "layers" in missing:
        return "give the Forward-Forward learner more than one layer: widths = [500, 500], say"
    if "theta" in missing:
        return "set theta, or use the learner's loss 'threshold' or its calibration"
    return "choose a learner that gives it, or attach the companion that does"
