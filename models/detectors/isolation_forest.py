"""Isolation forest: how few random cuts set this vector apart from the learnt ones?

Assumes nothing about the shape of normal, so it also fits several clusters at once, where a distance from one centre
does not. The price is coarse scores: it says *unusual*, hardly how much. On multivariate sets it finds less than the
distances do; it is there to compare with. In order:

1. Each group of features gets trees of its own, grown on a few learnt vectors each, to a depth of log2 of their number.
2. A cut falls anywhere in the range of a feature. Had the judged vector been among the learnt ones, the ranges would
   reach to it, and a cut would have set it apart at once with the probability of falling into what is new: in the box
   of all learnt vectors first, then in the trees. The expected path counts that; without it all vectors beyond the
   learnt range look alike.
3. The distance is how much shorter the mean path is than that of a usual vector, in its robust standard deviations.

Seeded: the same vectors give the same trees. Cuts are kept as int8, a twentieth of a standard deviation.

Source: Liu, Ting and Zhou (2008), Isolation Forest, equation 1; Lakshminarayanan, Roy and Teh (2014), Mondrian Forests
(ranges that reach to the judged vector).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from models.detectors.calibration import MARGIN
from models.detectors.errors import DetectorError
from models.detectors.scaling import LOG_SCALE_FLOOR, MAD_TO_SIGMA, Scaling, fit_scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.runtimes.base import Network
    from models.state_bytes import Fields, Scalar

    Bytes = NDArray[np.int8]
    Floats = NDArray[np.float64]

TREES: Final = 32
DEPTH: Final = 4
SAMPLE: Final = 1 << DEPTH
"""Vectors per tree. The paper's 256 need as many windows; small samples set outliers apart better, in kilobytes."""
SEED: Final = 20080101
PER_SIGMA: Final = 20.0
"""int8 steps per standard deviation; the learnt range then ends at ± 6 σ, where winsorised values end too."""
LEAST_RANGE: Final = 1.0
"""Standard deviation: a feature that did not move while learning is not infinitely sensitive later."""
SIGMAS_PER_E: Final = 3.0
"""A path can only get so short (a usual one of 5 cuts by 4, which is 5 to 8 deviations): so that a margin is not beyond
it, the distance grows e-fold with every three deviations, and a margin of two is two deviations more."""
LEAST_PATH_SIGMA: Final = 0.05
"""Of a path: below, trees agree by chance because there was nothing to cut."""
_LEAF: Final = -1


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees of all groups as heaps: node i has the children 2 i + 1 and 2 i + 2.

    Attributes:
        feature: that is cut, −1 for a leaf, (groups, trees, nodes above the last level).
        cut, low, high: of that feature, in steps of 1/`PER_SIGMA`, same shape.
        size: learnt vectors that came so far, (groups, trees, nodes).
        box_low, box_high: of all learnt vectors, in the same steps, (groups, g).
    """

    feature: Bytes
    cut: Bytes
    low: Bytes
    high: Bytes
    size: Bytes
    box_low: Bytes
    box_high: Bytes


@dataclass(frozen=True, slots=True)
class IsolationForest:
    """How much shorter the paths of each group are than usual ones; 1 for a usual vector.

    Attributes:
        scaling: centre and scale, (d,).
        forest: the trees.
        usual: median and robust standard deviation of the mean path of learnt vectors, (2, groups).
    """

    name: ClassVar[str] = "isolation_forest"
    version: ClassVar[int] = 2
    needs_network: ClassVar[bool] = False
    margin: ClassVar[float] = MARGIN

    scaling: Scaling
    forest: Forest
    usual: NDArray[np.float32]

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return True for any features at all."""
        return bool(feature_names)

    @classmethod
    def learnt_from(
        cls, vectors: NDArray[np.float32], *, groups: int = 1, scale_floor: float = LOG_SCALE_FLOOR
    ) -> Self:
        """Return trees of these vectors.

        >>> rng = np.random.default_rng(0)
        >>> two_clusters = rng.normal(size=(200, 2)) * 0.3 + np.where(np.arange(200) % 2, 3.0, -3.0)[:, None]
        >>> scorer = IsolationForest.learnt_from(two_clusters.astype(np.float32))
        >>> scorer.distances(np.float32([[3, 3], [-3, -3], [40, 40]]))[:, 0] > 3.0
        array([False, False,  True])

        Args:
            vectors: (n, d) of a healthy machine.
            groups: the d features are so many equal groups, usually channels.
            scale_floor: no feature's scale is smaller, in its own unit (default for logarithms).

        Raises:
            DetectorError: more features in a group than int8 can name.
        """
        if vectors.shape[1] // groups > np.iinfo(np.int8).max:
            raise DetectorError(f"{vectors.shape[1] // groups} features in a group: at most {np.iinfo(np.int8).max}")
        scaling = fit_scaling(vectors, scale_floor)
        standardised = scaling.standardise(vectors)
        steps = np.clip(np.rint(standardised * PER_SIGMA), -127, 127).astype(np.int8)
        forest = _grow(steps.reshape(len(vectors), groups, -1))
        paths = _paths(standardised, forest)
        usual = np.median(paths, axis=0)
        sigma = MAD_TO_SIGMA * np.median(np.abs(paths - usual), axis=0)
        return cls(scaling, forest, np.asarray([usual, np.maximum(sigma, LEAST_PATH_SIGMA)], np.float32))

    def distances(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how much shorter the paths of each vector are than usual, (n, groups), above 0."""
        shorter = (self.usual[0] - _paths(self.scaling.standardise(vectors), self.forest)) / self.usual[1]
        return np.asarray(np.exp(shorter / SIGMAS_PER_E), np.float32)

    def contents(self) -> tuple[dict[str, Scalar], dict[str, NDArray[Any]]]:
        """Return the values and arrays that make it up."""
        trees = {name: getattr(self.forest, name) for name in Forest.__dataclass_fields__}
        return {}, {**self.scaling.contents(), "usual": self.usual, **trees}

    @classmethod
    def from_contents(cls, fields: Fields, network: Network | None = None) -> Self:  # noqa: ARG003 - it has none
        """Return the scorer whose contents these are."""
        forest = Forest(**{name: fields.array(name) for name in Forest.__dataclass_fields__})
        return cls(Scaling.from_contents(fields), forest, fields.array("usual"))


def mean_unsuccessful_search(size: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean depth at which a random binary tree of so many vectors would set one apart.

    >>> mean_unsuccessful_search(np.array([1.0, 2.0, 256.0])).round(2)
    array([ 0.  ,  0.15, 10.24])

    Source: Liu, Ting and Zhou (2008), equation 1.
    """
    others = np.maximum(size - 1.0, 1.0)
    depth = 2.0 * (np.log(others) + np.euler_gamma) - 2.0 * others / np.maximum(size, 1.0)
    return np.asarray(np.where(size > 1.0, depth, 0.0))


def _grow(steps: NDArray[np.int8]) -> Forest:
    """Return trees of (n, groups, g) values in int8 steps."""
    rng = np.random.default_rng(SEED)
    nodes = 2 * SAMPLE - 1
    shape = (steps.shape[1], TREES, SAMPLE - 1)
    feature, cut, low, high = (np.full(shape, start, np.int8) for start in (_LEAF, 0, 0, 0))
    size = np.zeros((*shape[:2], nodes), np.int8)
    for group, tree in np.ndindex(shape[:2]):
        drawn = rng.choice(len(steps), min(SAMPLE, len(steps)), replace=False)
        at: list[NDArray[np.int8]] = [steps[drawn, group], *([steps[:0, group]] * (nodes - 1))]
        for node, values in enumerate(at):
            size[group, tree, node] = len(values)
            if len(values) < 2 or node >= SAMPLE - 1:
                continue
            place, chosen = (group, tree, node), int(rng.integers(values.shape[1]))
            column = values[:, chosen]
            first, last = int(column.min()), int(column.max())
            feature[place], low[place], high[place] = chosen, first, last
            cut[place] = rng.integers(first, last) if last > first else last
            above = column > cut[place]
            at[2 * node + 1], at[2 * node + 2] = values[~above], values[above]
    return Forest(feature, cut, low, high, size, steps.min(axis=0), steps.max(axis=0))


def _beyond(value: Floats, low: Bytes, high: Bytes) -> tuple[Floats, Floats]:
    """Return how far values are beyond a range, and the range that reaches to them."""
    beyond = np.maximum(np.maximum(low - value, value - high), 0.0)
    return beyond, np.maximum(high.astype(np.float64) - low, LEAST_RANGE * PER_SIGMA) + beyond


def _paths(standardised: NDArray[np.float32], forest: Forest) -> NDArray[np.float64]:
    """Return the mean expected path of each vector in the trees of each group, (n, groups)."""
    groups, trees, _ = forest.feature.shape
    values = standardised.reshape(len(standardised), groups, -1).astype(np.float64) * PER_SIGMA
    left = mean_unsuccessful_search(forest.size.astype(np.float64))
    result = np.empty((len(values), groups))
    number = np.arange(trees)
    for group in range(groups):
        node = np.zeros((len(values), trees), np.int64)
        together, path = np.ones(node.shape), np.zeros(node.shape)
        for _ in range(DEPTH):
            at = np.minimum(node, SAMPLE - 2)
            feature = forest.feature[group, number, at].astype(np.int64)
            inner = feature != _LEAF
            value = np.take_along_axis(values[:, group], np.maximum(feature, 0), axis=1)
            beyond, reach = _beyond(value, forest.low[group, number, at], forest.high[group, number, at])
            path += np.where(inner, together, 0.0)
            together = np.where(inner, together * (1.0 - beyond / reach), together)
            node = np.where(inner, 2 * node + 1 + (value > forest.cut[group, number, at]), node)
        in_trees = (path + together * left[group, number, node]).mean(axis=1)
        beyond, reach = _beyond(values[:, group], forest.box_low[group], forest.box_high[group])
        at_once = (beyond / reach).max(axis=1)
        result[:, group] = at_once + (1.0 - at_once) * in_trees
    return result
