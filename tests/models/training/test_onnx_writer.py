"""A network as ONNX: by ONNX's own checker well-formed, and the same integers as in the TFLite file."""

from __future__ import annotations

import sys

import onnx
import pytest
from support.networks import shipped, small_float

from models.training.onnx_writer import to_onnx
from models.training.tflite_writer import TrainingExtraMissingError

both = pytest.mark.parametrize("original", [shipped, small_float])


@both
def test_onnx_itself_finds_nothing_wrong(original):
    onnx.checker.check_model(onnx.load_from_string(to_onnx(original())), full_check=True)


def test_int8_is_written_with_every_tensor_quantised_and_taken_back():
    kinds = [node.op_type for node in onnx.load_from_string(to_onnx(shipped())).graph.node]
    # The input and four results; each of those taken back, and four weights and four biases.
    assert (kinds.count("QuantizeLinear"), kinds.count("DequantizeLinear"), kinds.count("Gemm")) == (5, 13, 4)


def test_float32_is_written_without():
    assert {node.op_type for node in onnx.load_from_string(to_onnx(small_float())).graph.node} == {"Gemm", "Relu"}


@both
def test_the_same_network_gives_the_same_bytes(original):
    assert to_onnx(original()) == to_onnx(original())


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(TrainingExtraMissingError, match=r"plantpulse\[train\]"):
        to_onnx(shipped())
