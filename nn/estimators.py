"""Perceptrons as estimators of scikit-learn: for its pipelines, searches and cross-validations.

>>> from sklearn.model_selection import cross_val_score
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> from nn import MLPClassifier, iris
>>> flowers = iris()
>>> model = make_pipeline(StandardScaler(), MLPClassifier((8,), epochs=100))
>>> bool(cross_val_score(model, flowers.inputs, flowers.targets, cv=3).mean() > 0.9)
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import Value
from nn.arguments import ActivationLike
from nn.layers import MLP
from nn.losses import Loss, binary_cross_entropy, softmax_cross_entropy, squared_error
from nn.mistakes import instead
from nn.optimizers import OptimizerLike, Rate
from nn.seeding import generator
from nn.training import fit
from nn.update_rules import SGD, Adam, AdamW

try:
    from scipy.special import expit, softmax
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError(
        "MLPClassifier and MLPRegressor need scikit-learn, from 1.6 on: pip install scikit-learn", name="sklearn"
    ) from error

OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
OTHERS = {
    "hidden_layers": "hidden_layer_sizes", "layers": "hidden_layer_sizes", "max_iter": "epochs",
    "learning_rate_init": "learning_rate", "alpha": "weight_decay", "solver": "optimizer",
    "n_iter_no_change": "patience", "validation_fraction": "validation", "rng": "random_state", "seed": "random_state",
    "verbose": "progress", "early_stopping": "patience= and validation= stop early",
    "warm_start": "partial_fit() goes on from where the model is",
}  # fmt: skip
"""Options that estimators of scikit-learn have."""


class _Perceptron(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share; they differ in what a target is."""

    @instead(**OTHERS)
    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (16,),
        activation: ActivationLike = "relu",
        *,
        optimizer: str | Callable[..., OptimizerLike] = "adam",
        learning_rate: Rate = 0.01,
        weight_decay: float = 0.0,
        epochs: int = 200,
        batch_size: int | None = None,
        validation: float | None = None,
        patience: int | None = None,
        clip_norm: float | None = None,
        random_state: Any = None,
        progress: bool = False,
        engine: str = "auto",
    ) -> None:
        self.hidden_layer_sizes, self.activation = hidden_layer_sizes, activation
        self.optimizer, self.learning_rate, self.weight_decay = optimizer, learning_rate, weight_decay
        self.epochs, self.batch_size, self.validation, self.patience = epochs, batch_size, validation, patience
        self.clip_norm, self.random_state, self.progress, self.engine = clip_norm, random_state, progress, engine

    def _begin(self, outputs: int) -> None:
        """A new model with its optimizer."""
        state, hidden = self.random_state, self.hidden_layer_sizes
        if not isinstance(hidden, (Sequence, np.ndarray)) or isinstance(hidden, str):
            raise TypeError(
                f"hidden_layer_sizes must be several numbers, such as (16,), not {type(hidden).__name__} {hidden!r:.60}"
            )
        self.rng_ = generator(int(state.randint(2**31)) if isinstance(state, np.random.RandomState) else state)
        self.model_ = MLP(self.n_features_in_, [*hidden, outputs], self.activation, self.rng_)
        self.optimizer_ = self._optimizer(self.model_.parameters())

    def _forget(self) -> None:
        """Let go of the model before another one begins: if that fails, the old one would answer with new classes."""
        if hasattr(self, "model_"):
            del self.model_

    def _optimizer(self, parameters: Iterable[Value]) -> OptimizerLike:
        make = self.optimizer
        if isinstance(make, str):
            if make not in OPTIMIZERS:
                known = ", ".join(map(repr, OPTIMIZERS))
                raise ValueError(f"unknown optimizer: {make!r} (must be one of {known}, or a class of optimizers)")
            make = OPTIMIZERS[make]
        return make(parameters, learning_rate=self.learning_rate, weight_decay=self.weight_decay)

    def _train(self, inputs: Any, targets: Any, loss: Loss, epochs: int, **options: Any) -> Self:
        self.history_ = fit(
            self.model_, inputs, targets, loss, optimizer=self.optimizer_, epochs=epochs, batch_size=self.batch_size,
            clip_norm=self.clip_norm, rng=self.rng_, progress=self.progress, engine=self.engine, **options,
        )  # fmt: skip
        return self

    def _predicted(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        check_is_fitted(self, "model_")
        return self.model_.predict(validate_data(self, X, dtype=np.float64, reset=False))


class MLPClassifier(ClassifierMixin, _Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron that tells classes, as an estimator of scikit-learn; :class:`MLP` is what it trains.

    Two classes have one output and the :func:`binary_cross_entropy`, more the :func:`softmax_cross_entropy`.
    Standardize the features first, as with ``StandardScaler`` in a pipeline.

    Args:
        hidden_layer_sizes: how many neurons each hidden layer has; () for none.
        activation: of the hidden layers; as for :class:`Neuron`.
        optimizer: "adam", "adamw" or "sgd"; or what is called like their classes.
        learning_rate, weight_decay: of the optimizer.
        epochs, batch_size, patience, clip_norm, progress, engine: as for :func:`fit`.
        validation: the part of the observations that ``fit`` holds out, such as 0.2, by which ``patience`` goes.
        random_state: seed or generator of the initial weights, the shuffling, and what is held out. None is the seed 0,
            as everywhere in ``nn``: the same data give the same model.

    ``fit`` gives it ``model_``, the trained :class:`MLP`; ``optimizer_``; ``history_``; ``classes_``; and
    ``n_features_in_``.

    >>> from nn import moons
    >>> data = moons(40)
    >>> model = MLPClassifier((8,), "tanh", epochs=300, learning_rate=0.05).fit(data.inputs, data.targets)
    >>> float(model.score(data.inputs, data.targets))
    1.0
    >>> model.predict_proba(data.inputs).shape
    (40, 2)
    """

    classes_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Train a new model.

        Args:
            X: (observations, features)
            y: (observations,): classes, numbered or named as you like.

        Raises:
            ValueError: there are not two classes at least, or the data are of another shape, or not finite.
        """
        self._forget()
        inputs, targets = self._checked(X, y, reset=True)
        self.classes_ = np.unique(targets)
        self._begin(self._outputs())
        return self._train(
            inputs, self._places(targets), self._loss(), self.epochs, validation=self.validation, patience=self.patience
        )

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:  # noqa: N803
        """Go through these data once, from where the model is; the first call begins.

        Args:
            X, y: as for ``fit``.
            classes: all classes that there will be; needed in the first call.

        Raises:
            ValueError: a class was not among those of the first call.
        """
        begins = not hasattr(self, "model_")
        inputs, targets = self._checked(X, y, reset=begins)
        if begins:
            if classes is None:
                raise ValueError("the first call of partial_fit needs all classes: write classes=numpy.unique(y)")
            self.classes_ = np.unique(classes)
            self._begin(self._outputs())
        elif classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
            raise ValueError(f"the classes are {self.classes_} since the first call, not {np.unique(classes)}")
        strange = np.setdiff1d(targets, self.classes_)
        if len(strange):
            raise ValueError(f"the classes are {self.classes_} since the first call, and {strange[:5]} is none of them")
        return self._train(inputs, self._places(targets), self._loss(), 1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """(observations,): the most probable class of each."""
        places = self.predict_proba(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[places]
        return found

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """(observations, classes): how probable each class of ``classes_`` is."""
        logits = self._predicted(X)
        found: NDArray[np.float64]
        found = softmax(logits, axis=1) if logits.ndim > 1 else np.stack([expit(-logits), expit(logits)], axis=1)
        return found

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """The outputs themselves: (observations,) of two classes, (observations, classes) of more."""
        return self._predicted(X)

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[NDArray[np.float64], NDArray[Any]]:  # noqa: N803
        inputs, targets = validate_data(self, X, y, dtype=np.float64, reset=reset)
        check_classification_targets(targets)
        return inputs, column_or_1d(targets, warn=True)

    def _outputs(self) -> int:
        if len(self.classes_) < 2:
            raise ValueError(f"at least two classes are needed, and there is one class: {self.classes_}")
        return len(self.classes_) if len(self.classes_) > 2 else 1

    def _places(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        return np.searchsorted(self.classes_, targets)

    def _loss(self) -> Loss:
        return softmax_cross_entropy if len(self.classes_) > 2 else binary_cross_entropy


class MLPRegressor(RegressorMixin, _Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron that predicts numbers, as an estimator of scikit-learn; :class:`MLP` is what it trains.

    It minimizes the :func:`squared_error`. Standardize the features first, as with ``StandardScaler`` in a pipeline,
    and the targets too, as with ``TransformedTargetRegressor``, unless they are of the order of 1.

    Args:
        hidden_layer_sizes, activation, optimizer, learning_rate, weight_decay: as for :class:`MLPClassifier`.
        epochs, batch_size, validation, patience, clip_norm, random_state, progress, engine: the same.

    ``fit`` gives it ``model_``, the trained :class:`MLP`; ``optimizer_``; ``history_``; and ``n_features_in_``.

    >>> X = np.linspace(-1, 1, 30)[:, np.newaxis]
    >>> model = MLPRegressor((8,), "tanh", epochs=500, learning_rate=0.05).fit(X, X[:, 0] ** 2)
    >>> bool(model.score(X, X[:, 0] ** 2) > 0.99)
    True
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Train a new model.

        Args:
            X: (observations, features)
            y: (observations,) or (observations, outputs): numbers.

        Raises:
            ValueError: the data are of another shape, or not finite.
        """
        self._forget()
        inputs, targets = self._checked(X, y, reset=True)
        self._begin(1 if targets.ndim == 1 else targets.shape[1])
        self.target_dimensions_ = targets.ndim
        return self._train(
            inputs, self._rows(targets), squared_error, self.epochs, validation=self.validation, patience=self.patience
        )

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Go through these data once, from where the model is; the first call begins. Arguments as of ``fit``."""
        begins = not hasattr(self, "model_")
        inputs, targets = self._checked(X, y, reset=begins)
        if begins:
            self._begin(1 if targets.ndim == 1 else targets.shape[1])
            self.target_dimensions_ = targets.ndim
        return self._train(inputs, self._rows(targets), squared_error, 1)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """The predictions, of the shape that the targets of ``fit`` had."""
        found = self._predicted(X)
        return found[:, np.newaxis] if found.ndim < self.target_dimensions_ else found

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[NDArray[np.float64], NDArray[Any]]:  # noqa: N803
        inputs, targets = validate_data(
            self, X, y, dtype=np.float64, reset=reset, multi_output=True, y_numeric=True
        )  # fmt: skip
        return inputs, np.asarray(targets, np.float64)

    @staticmethod
    def _rows(targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """A single column as numbers, which is what a model of one output predicts."""
        return targets[:, 0] if targets.ndim > 1 and targets.shape[1] == 1 else targets

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
