"""Reading a TFLite file without trusting it: each thing that is wrong has a name."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from support.networks import changed, shipped, small_float

from models.runtimes import flatbuffer
from models.runtimes import layers as layers_module
from models.runtimes.errors import NetworkError
from models.runtimes.tflite_file import read_dense
from models.training.tflite_writer import DenseLayer, write_dense


def test_the_shipped_network_is_four_int8_layers():
    layers = read_dense(shipped())
    assert [layer.weights.shape for layer in layers] == [(12, 14), (5, 12), (12, 5), (14, 12)]
    assert [layer.relu for layer in layers] == [True, True, True, False]
    assert all(layer.is_int8 and layer.bias.dtype == np.int32 for layer in layers)


def graph(model):
    return model.subgraphs[0]


def stored(model, tensor):
    return model.buffers[graph(model).tensors[tensor].buffer]


def set_first_float(model, tensor, value):
    stored(model, tensor).data = np.frombuffer(
        struct.pack("<f", value) + bytes(stored(model, tensor).data)[4:], np.uint8
    )


def set_biases(model, value):
    stored(model, 2).data = np.frombuffer(np.full(12, value, "<i4").tobytes(), np.uint8)


def add_a_graph(model):
    model.subgraphs = [graph(model), graph(model)]


def turn_round(model):
    graph(model).operators = graph(model).operators[::-1]


CHANGES = {
    "version 4": lambda model: setattr(model, "version", 4),
    "with 2 graphs": add_a_graph,
    "operator 117: only chains": lambda model: setattr(model.operatorCodes[0], "builtinCode", 117),
    "operator 3: only chains": lambda model: (
        setattr(model.operatorCodes[0], "builtinCode", 3) or setattr(model.operatorCodes[0], "deprecatedBuiltinCode", 3)
    ),
    "field 1 of a OperatorCode": lambda model: setattr(model.operatorCodes[0], "customCode", "Mine"),
    "a tensor of type 1": lambda model: setattr(graph(model).tensors[0], "type", 1),
    r"a tensor of shape \(-1, 14\)": lambda model: setattr(graph(model).tensors[0], "shape", [-1, 14]),
    r"a tensor of shape \(2147483647, 14\)": lambda model: setattr(graph(model).tensors[0], "shape", [2**31 - 1, 14]),
    r"goes from \(5000, 14\)": lambda model: (
        setattr(graph(model).tensors[0], "shape", [5000, 14])
        or setattr(graph(model).tensors[0], "shapeSignature", None)
    ),
    r"that may be \(-1, 15\)": lambda model: setattr(graph(model).tensors[0], "shapeSignature", [-1, 15]),
    "remembers from row to row": lambda model: setattr(graph(model).tensors[3], "isVariable", True),
    "buffer 99 of 9": lambda model: setattr(graph(model).tensors[1], "buffer", 99),
    r"48 bytes for a tensor of shape \(12, 14\)": lambda model: setattr(graph(model).tensors[1], "buffer", 2),
    "no stored weights": lambda model: setattr(graph(model).tensors[1], "buffer", 0),
    "scales along its inputs": lambda model: setattr(graph(model).tensors[1].quantization, "quantizedDimension", 1),
    r"with \(1, 1, 3\) scales": lambda model: setattr(graph(model).tensors[1].quantization, "scale", [1.0, 1.0, 1.0]),
    r"with \(0, 1, 12\) scales": lambda model: setattr(graph(model).tensors[0], "quantization", None),
    "a scale that is no positive number": lambda model: setattr(
        graph(model).tensors[0].quantization, "scale", [float("nan")]
    ),
    "multiply to something absurd": lambda model: setattr(graph(model).tensors[0].quantization, "scale", [1e9]),
    "a zero point beyond int8": lambda model: setattr(graph(model).tensors[3].quantization, "zeroPoint", [128]),
    "weights whose zero is not 0": lambda model: setattr(graph(model).tensors[1].quantization, "zeroPoint", [1] * 12),
    "do not fit into 32 bits": lambda model: set_biases(model, 2**31 - 1),
    "opcode|no chain": lambda model: setattr(graph(model).operators[0], "opcodeIndex", 7),
    "operators that are no chain": turn_round,
    "tensors that are not there": lambda model: setattr(graph(model).operators[3], "outputs", [99]),
    "is not the network's output": lambda model: setattr(graph(model), "outputs", [9]),
    "2 inputs and 1 outputs": lambda model: setattr(graph(model), "inputs", [0, 1]),
    "with shuffled weights": lambda model: setattr(graph(model).operators[0].builtinOptions, "weightsFormat", 1),
    "with activation 3": lambda model: setattr(graph(model).operators[0].builtinOptions, "fusedActivationFunction", 3),
    "without its options": lambda model: (
        setattr(graph(model).operators[0], "builtinOptionsType", 0)
        or setattr(graph(model).operators[0], "builtinOptions", None)
    ),
    "that keeps something": lambda model: setattr(graph(model).operators[0], "intermediates", [1]),
    "a signature of tensors": lambda model: setattr(model.signatureDefs[0].inputs[0], "tensorIndex", 99),
    "a signature without a name": lambda model: setattr(model.signatureDefs[0], "signatureKey", None),
    "metadata_buffer of a Model has 9 entries": lambda model: setattr(model, "metadataBuffer", [0] * 9),
    "a text of more than 4096 bytes": lambda model: setattr(model, "description", "x" * 4097),
    "metadata that are not there": lambda model: setattr(model, "metadataBuffer", [99]),
}


@pytest.mark.parametrize(("said", "change"), CHANGES.items(), ids=CHANGES)
def test_what_is_wrong_has_a_name(said, change):
    with pytest.raises(NetworkError, match=said):
        read_dense(changed(shipped(), change))


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(NetworkError, match="layer 1 has weights that are no numbers"):
        read_dense(changed(small_float(), lambda model: set_first_float(model, 1, float("inf"))))


def test_a_network_of_dynamic_range_is_refused_by_that_name():
    from ai_edge_quantizer import quantizer, recipe

    work = quantizer.Quantizer(bytearray(wide_float()), recipe.dynamic_wi8_afp32())
    dynamic = bytes(work.quantize(enable_progress_report=False).quantized_model)
    with pytest.raises(NetworkError, match="dynamic range, float activations with int8 weights"):
        read_dense(dynamic)


def wide_float():
    """Return a network that is wide enough for the quantiser to bother: it leaves small weights as they are."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((64, 64)).astype(np.float32)
    return write_dense([DenseLayer(weights, np.zeros(64, np.float32), relu=False)], "wide")


def test_tables_that_point_at_one_another_are_walked_so_many_times_and_no_more(monkeypatch):
    monkeypatch.setattr(flatbuffer, "MAX_TABLES", 20)
    with pytest.raises(NetworkError, match="more than 20 tables"):
        read_dense(shipped())


def test_layers_that_share_their_weights_count_as_often_as_they_are_used(monkeypatch):
    monkeypatch.setattr(layers_module, "MAX_FILE_BYTES", 400)
    with pytest.raises(NetworkError, match="weights of 456 bytes: at most 400"):
        read_dense(shipped())


def test_no_truncation_is_read():
    for end in range(0, len(shipped()), 5):
        with pytest.raises(NetworkError):
            read_dense(shipped()[:end])
