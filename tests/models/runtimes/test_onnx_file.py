"""Reading an ONNX file without trusting it: only nodes in a row, and only what was looked at goes on."""

from __future__ import annotations

import onnx
import pytest
from onnx import helper
from support.networks import shipped, small_float

from models.runtimes.errors import NetworkError
from models.runtimes.onnx_file import read_dense
from models.runtimes.tflite_file import read_dense as read_tflite
from models.training.onnx_writer import to_onnx


@pytest.mark.parametrize("original", [shipped, small_float])
def test_the_layers_are_those_of_the_tflite_file(original):
    layers, understood = read_dense(to_onnx(original()))
    for mine, theirs in zip(layers, read_tflite(original()), strict=True):
        assert (mine.stored_weights() == theirs.stored_weights()).all()
        assert (mine.stored_bias() == theirs.stored_bias()).all()
        assert mine.relu == theirs.relu
        assert mine.result.zero_point == theirs.result.zero_point
        assert mine.result.scales.tolist() == theirs.result.scales.tolist()
    assert read_dense(understood)[1] == understood


def test_external_files_are_never_opened():
    def elsewhere(model):
        entry = model.graph.initializer[0].external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"

    with pytest.raises(NetworkError, match="a Stored in the ONNX file holds what a dense network does not need"):
        read_dense(altered(elsewhere))


def altered(change, original=shipped):
    model = onnx.load_from_string(to_onnx(original()))
    change(model)
    return model.SerializeToString()


def gemm(model):
    return next(node for node in model.graph.node if node.op_type == "Gemm")


def stored(model, name):
    return next(entry for entry in model.graph.initializer if entry.name == name)


CHANGES = {
    "operator 'Softmax'": lambda model: setattr(gemm(model), "op_type", "Softmax"),
    "operator 'Loop'": lambda model: model.graph.node.add(op_type="Loop"),
    "a Node in the ONNX file": lambda model: setattr(gemm(model), "domain", "com.microsoft"),
    "a Model in the ONNX file": lambda model: model.functions.add(name="f"),
    "ONNX's own operators": lambda model: setattr(model.opset_import[0], "version", 12),
    "attributes of its own": lambda model: gemm(model).attribute.append(helper.make_attribute("gamma", 1)),
    "one attribute twice": lambda model: gemm(model).attribute.append(helper.make_attribute("transB", 1)),
    "a Gemm with alpha 2.0": lambda model: gemm(model).attribute.append(helper.make_attribute("alpha", 2.0)),
    "a Gemm with transB 0": lambda model: gemm(model).ClearField("attribute"),
    "a Gemm with 2 inputs": lambda model: gemm(model).input.pop(),
    "no chain of fully connected": lambda model: gemm(model).input.__setitem__(0, "output"),
    "does not take it back": lambda model: model.graph.node.pop(1),
    "two things of one name": lambda model: model.graph.node.append(gemm(model)),
    "not its output": lambda model: setattr(model.graph.output[0], "name", "layer_3"),
    "a stored tensor of type 10": lambda model: setattr(stored(model, "rows_scale"), "data_type", 10),
    r"bytes for a tensor of shape \(12,\)": lambda model: setattr(stored(model, "weights_1_scale"), "raw_data", b""),
    "a stored tensor of type 3 and shape": lambda model: stored(model, "weights_1_stored").dims.append(0),
    "without one input and one output": lambda model: model.graph.input.append(model.graph.output[0]),
    "for a fixed number of rows": lambda model: setattr(
        model.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 4
    ),
    "are not float32 rows": lambda model: setattr(model.graph.input[0].type.tensor_type, "elem_type", 11),
}


@pytest.mark.parametrize(("said", "change"), CHANGES.items(), ids=CHANGES)
def test_what_is_wrong_has_a_name(said, change):
    with pytest.raises(NetworkError, match=said):
        read_dense(altered(change))


def test_remarks_of_other_tools_are_read_over_and_not_handed_on():
    def remark(model):
        model.metadata_props.add(key="author", value="somebody")
        model.doc_string = model.graph.doc_string = gemm(model).doc_string = "made by a tool"
        model.graph.value_info.append(helper.make_tensor_value_info("layer_1", onnx.TensorProto.FLOAT, [3, 99]))

    layers, understood = read_dense(altered(remark))
    assert len(layers) == 4
    assert understood == read_dense(to_onnx(shipped()))[1]


def test_scales_are_checked_as_those_of_a_tflite_file_are():
    import numpy as np

    def no_scale(model):
        stored(model, "rows_scale").raw_data = np.float32("nan").tobytes()

    with pytest.raises(NetworkError, match="layer 1 has a scale that is no positive number"):
        read_dense(altered(no_scale))
