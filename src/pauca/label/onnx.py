"""Scaling and head of a model as an ONNX graph, for programs without Python."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pauca.errors import CapabilityError
from pauca.label.atomic import new_file
from pauca.label.intake import RowIntake

if TYPE_CHECKING:
    from pauca.label.predictor import Predictor

__all__ = ["write_onnx"]

_OPSET, _IR = 17, 9
_SCALED = ("rows", "pca")


def write_onnx(model: "Predictor", path: Path, *, force: bool = False) -> None:
    """Write the graph; names of the classes stand in its metadata as a JSON list, ``classes``.

    Input [n, d]: ``rows``, the numbers of rows or vectors as they were read, where the features are
    ``rows`` or ``pca`` of them (float32, or float64 where a column needs it); else ``features``,
    float32, as whatever made them gives them.
    Outputs: ``label``, the number of the class, int64 [n]; ``probabilities``, float32 [n, c].

    Args:
        model: Whose head.
        path: File to make.
        force: Replace a file that is there.

    Raises:
        CapabilityError: a head that is no chain of linear layers; the package onnx is missing.
        UsageError: the file is there already.
    """
    graph = _Graph(_library())
    intake, name = model.fitted.intake, model.fitted.choice["name"]
    x = first = "features"
    d, wide = model.fitted.d, False
    if isinstance(intake, RowIntake) and name in _SCALED:
        x = first = "rows"
        d, wide = intake.fit.d, bool(len(intake.fit.scaling.places))
        x = _scaled(graph, x, model)
    for weight, bias in _chain(model):
        x = graph.add("Relu", x) if weight is None else graph.linear(x, weight, bias)
    x = graph.add("Div", x, graph.keep(np.float32(model.head.temperature)))
    x = graph.add("Softmax", x, axis=1)
    x = _into_classes(graph, x, model)
    graph.add("Identity", x, out="probabilities")
    graph.add("ArgMax", x, out="label", axis=1, keepdims=0)
    with new_file(path, force=force) as draft:
        draft.write_bytes(graph.serialised(first, d, model, wide=wide))


class _Graph:
    """Nodes one after the other, in the names that ONNX has for them."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *given: str, out: str | None = None, **settings: Any) -> str:
        """A node; the name of what it gives."""
        name = out or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(self.library.helper.make_node(kind, list(given), [name], **settings))
        return name

    def keep(self, value: Any) -> str:
        """A constant; its name."""
        name = f"constant{len(self.constants)}"
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        self.constants.append(self.library.numpy_helper.from_array(array, name))
        return name

    def linear(self, x: str, weight: NDArray[Any], bias: NDArray[Any]) -> str:
        """The product with the weights, and the bias."""
        return self.add("Gemm", x, self.keep(weight), self.keep(bias), transB=1)

    def serialised(self, first: str, d: int, model: "Predictor", *, wide: bool) -> bytes:
        """The whole file."""
        helper, kinds = self.library.helper, self.library.TensorProto
        c = len(model.classes_)
        graph = helper.make_graph(
            self.nodes,
            "pauca label model",
            [helper.make_tensor_value_info(first, kinds.DOUBLE if wide else kinds.FLOAT, ["n", d])],
            [
                helper.make_tensor_value_info("label", kinds.INT64, ["n"]),
                helper.make_tensor_value_info("probabilities", kinds.FLOAT, ["n", c]),
            ],
            self.constants,
        )
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="pauca"
        )
        made.ir_version = _IR
        told = {"classes": json.dumps(model.classes_.tolist()), "about": model.describe()}
        helper.set_model_props(made, told)
        self.library.checker.check_model(made)
        found: bytes = made.SerializeToString()
        return found


def _scaled(graph: _Graph, x: str, model: "Predictor") -> str:
    """What the fit does to a row, in double precision as there."""
    fit, state, d = model.fitted.intake, model.fitted.state, model.fitted.d
    assert isinstance(fit, RowIntake)
    scaling = fit.fit.scaling
    shift, scale = np.zeros(fit.fit.d), np.ones(fit.fit.d)
    for place, (mean, std, moved) in zip(
        scaling.places.tolist(), scaling.moments.tolist(), strict=True
    ):
        shift[place], scale[place] = moved + mean, std or 1.0
    x = graph.add("Cast", x, to=graph.library.TensorProto.DOUBLE)
    x = graph.add("Div", graph.add("Sub", x, graph.keep(shift)), graph.keep(scale))
    extractor = state.get("extractor")
    if extractor is not None:
        mean, axes = (extractor[name].double().numpy() for name in ("mean", "axes"))
        x = graph.add("MatMul", graph.add("Sub", x, graph.keep(mean)), graph.keep(axes))
    known = state.get("standardise", {"mean": np.zeros(d), "scale": np.ones(d)})
    x = graph.add("Sub", x, graph.keep(known["mean"]))
    x = graph.add("Div", x, graph.keep(known["scale"]))
    return graph.add("Cast", x, to=graph.library.TensorProto.FLOAT)


def _chain(model: "Predictor") -> Iterable[tuple[Any, Any]]:
    """Weight and bias of each linear layer, (None, None) for a ReLU.

    Raises:
        CapabilityError: another layer.
    """
    net = getattr(model.head.learner, "net", None)
    if not isinstance(net, nn.Module):
        raise _no_chain(model.head.choice["name"])
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            yield layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy()
        elif isinstance(layer, nn.ReLU):
            yield None, None
        elif not list(layer.children()) and not isinstance(layer, nn.Flatten | nn.Dropout):
            raise _no_chain(type(layer).__name__)


def _no_chain(got: str) -> CapabilityError:
    return CapabilityError(
        "this head cannot be written as ONNX",
        expected="learner probe, or another net of linear layers",
        got=got,
        todo="export it with --format model, or train with learner probe in project.toml",
    )


def _into_classes(graph: _Graph, x: str, model: "Predictor") -> str:
    """Columns of the head to classes, as ``class_probabilities`` does it."""
    places, c = model.head.places, len(model.classes_)
    if places == tuple(range(c)):
        return x
    into = np.zeros((len(places), c), np.float32)
    for column, place in enumerate(places):
        if place >= 0:
            into[column, place] = 1
    x = graph.add("MatMul", x, graph.keep(into))
    if min(places) >= 0:
        return x
    whole = graph.add("ReduceSum", x, graph.keep(np.array([1], np.int64)), keepdims=1)
    return graph.add("Div", x, whole)


def _library() -> Any:
    """The package onnx.

    Raises:
        CapabilityError: it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise CapabilityError(
            "writing ONNX needs the package onnx",
            expected="pauca with its extra onnx",
            got=str(error),
            todo="pip install 'pauca[onnx]'",
        ) from None
    return onnx
