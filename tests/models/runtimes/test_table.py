"""Which runtime is chosen, and what is said when a library is missing."""

from __future__ import annotations

import sys

import pytest
from support.networks import shipped, small_float

from models.runtimes.errors import NetworkError, RuntimeMissingError
from models.runtimes.litert import LitertNetwork
from models.runtimes.onnx import OnnxNetwork
from models.runtimes.plain_numpy import NumpyNetwork
from models.runtimes.table import load_network
from models.training.onnx_writer import to_onnx


def test_a_missing_library_names_the_extra_and_best_falls_back(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(RuntimeMissingError, match=r"plantpulse\[edge\]"):
        load_network(shipped(), "litert")
    assert isinstance(load_network(shipped(), "best"), NumpyNetwork)


def test_best_goes_by_the_format_of_the_file(monkeypatch):
    assert isinstance(load_network(shipped(), "best"), LitertNetwork)
    assert isinstance(load_network(to_onnx(small_float()), "best"), OnnxNetwork)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RuntimeMissingError, match=r"plantpulse\[onnx\]"):
        load_network(to_onnx(small_float()), "best")


def test_best_does_not_hide_that_a_file_is_damaged():
    with pytest.raises(NetworkError):
        load_network(shipped()[:1000], "best")


def test_an_unknown_runtime_is_refused_with_those_there_are():
    with pytest.raises(RuntimeMissingError, match="litert, tflite-runtime, onnx, numpy, best"):
        load_network(shipped(), "tensorrt")


def test_beside_numpy_2_tflite_runtime_is_refused_before_it_is_loaded():
    with pytest.raises(RuntimeMissingError, match="needs numpy below 2"):
        load_network(shipped(), "tflite-runtime")
