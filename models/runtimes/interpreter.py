"""Run a dense TFLite network on an interpreter of TensorFlow Lite, whoever ships it.

`ai-edge-litert` and the older `tflite-runtime` have the same interface. In order:

1. our own reader checks every byte that the interpreter will follow (`tflite_file`),
2. tensors are allocated once per number of rows, which is a machine's channels,
3. a call quantises, copies in, invokes, copies out and scales back; of the microseconds that takes, the interpreter's
   own are a third, so nothing is looked up twice.

The plain kernels are used and not XNNPACK: for networks of a few kilobytes it costs memory, a line on standard error
and no less time. An accelerator is chosen by configuration (`Delegate`); how many operators it left to the processor is
counted, because a delegate that takes none is silent about it.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.runtimes.base import Int8Scale, check_rows
from models.runtimes.errors import DelegateError, NetworkError
from models.runtimes.tflite_file import read_dense

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

DELEGATE: Final = "DELEGATE"
"""What an operator is called that stands for those a delegate took."""


@dataclass(frozen=True, slots=True)
class Delegate:
    """An accelerator: the shared library of its TFLite delegate, and the options that its maker documents."""

    library: str
    options: Mapping[str, str] = field(default_factory=dict)


class InterpreterNetwork:
    """A network loaded into an interpreter; one subclass per library that ships one.

    Args:
        data: a TFLite file, float32 or fully int8.
        module: the library's module with `Interpreter`, `OpResolverType` and `load_delegate`.
        name: what the runtime is called in errors.
        delegate: an accelerator, or None for the processor alone.

    Attributes:
        operators: in the file.
        cpu_operators: how many of them the delegate left to the processor; all of them without one.

    Raises:
        DelegateError: the accelerator's library cannot be used.
        NetworkError: the bytes are no network that can be run.
    """

    def __init__(self, data: bytes, module: ModuleType, name: str, delegate: Delegate | None) -> None:
        layers = read_dense(data)
        self.inputs, self.outputs = layers[0].source.shape[1], layers[-1].result.shape[1]
        self._name = name
        delegates = [_loaded(module, delegate)] if delegate else None
        try:
            self._interpreter: Any = module.Interpreter(
                model_content=data,
                num_threads=1,
                experimental_delegates=delegates,
                experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self._interpreter.allocate_tensors()
            self._input = int(self._interpreter.get_input_details()[0]["index"])
            self._output = int(self._interpreter.get_output_details()[0]["index"])
        except (ValueError, RuntimeError) as error:
            raise NetworkError(f"{len(data)} bytes are no network that {name} can run: {error}") from error
        self.operators = len(layers)
        self.cpu_operators = left_to_cpu(self._interpreter._get_ops_details()) if delegate else self.operators  # noqa: SLF001 - there is no public way
        self._shape = layers[0].source.shape
        first, last = layers[0].source, layers[-1].result
        self._scales = (
            (Int8Scale(first.scale, first.zero_point), Int8Scale(last.scale, last.zero_point))
            if layers[0].is_int8
            else None
        )
        self._set, self._invoke = self._interpreter.set_tensor, self._interpreter.invoke
        self._get = self._interpreter.get_tensor

    def run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's answer to each row; see `models.runtimes.base.Network`."""
        if rows.shape != self._shape:
            self._allocate(rows)
        if rows.dtype != np.float32:
            rows = rows.astype(np.float32)
        try:
            if self._scales is None:
                self._set(self._input, rows)
                self._invoke()
                answer: NDArray[np.float32] = self._get(self._output)
                return answer
            before, after = self._scales
            self._set(self._input, before.quantise(rows))
            self._invoke()
            return after.dequantise(self._get(self._output))
        except (ValueError, RuntimeError) as error:
            raise NetworkError(f"{self._name} could not run the network: {error}") from error

    def _allocate(self, rows: NDArray[np.float32]) -> None:
        check_rows(rows, self.inputs)
        # Forgotten first: after a failure the next call must try again.
        self._shape = (0, 0)
        try:
            self._interpreter.resize_tensor_input(self._input, rows.shape)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise NetworkError(f"{self._name} has no memory for {len(rows)} rows: {error}") from error
        self._shape = (rows.shape[0], rows.shape[1])


def _loaded(module: ModuleType, delegate: Delegate) -> Any:
    # Opened here first: the interpreter's own class stumbles over itself when that fails.
    try:
        ctypes.CDLL(delegate.library).tflite_plugin_create_delegate  # noqa: B018 - whether it is there is the question
        return module.load_delegate(delegate.library, dict(delegate.options))
    except (OSError, AttributeError, ValueError, RuntimeError) as error:
        raise DelegateError(f"the delegate {delegate.library} cannot be used: {error}") from error


def left_to_cpu(operators: Sequence[Mapping[str, Any]]) -> int:
    """Return how many operators no delegate took.

    An interpreter lists those that were taken beside the one that stands for them; they are those that lie between its
    outputs and its inputs.

    Args:
        operators: what the interpreter lists, each with `op_name`, `inputs` and `outputs` (numbers of tensors).

    >>> left_to_cpu([{"op_name": "A", "inputs": [0], "outputs": [1]}, {"op_name": "B", "inputs": [1], "outputs": [2]},
    ...              {"op_name": "DELEGATE", "inputs": [1], "outputs": [2]}])
    1
    """
    plain = [operator for operator in operators if operator["op_name"] != DELEGATE]
    makers = {int(number): place for place, operator in enumerate(plain) for number in operator["outputs"]}
    taken: set[int] = set()
    for stand_in in operators:
        if stand_in["op_name"] != DELEGATE:
            continue
        edges = {int(number) for number in stand_in["inputs"]}
        waiting = [int(number) for number in stand_in["outputs"]]
        while waiting:
            place = makers.get(waiting.pop())
            if place is not None and place not in taken:
                taken.add(place)
                waiting.extend(int(number) for number in plain[place]["inputs"] if int(number) not in edges)
    return len(plain) - len(taken)
