"""A network as C: compiled without a warning, bit for bit what numpy computes, small, and without any library."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
from support.networks import changed, shipped, small_float

from models.runtimes.errors import NetworkError
from models.runtimes.plain_numpy import IntegerChain
from models.runtimes.table import load_network
from models.runtimes.tflite_file import read_dense
from models.training.base_autoencoder import quantise_network
from models.training.c_writer import to_c
from models.training.tflite_writer import DenseLayer, write_dense

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion"]
NODE_BYTES = 10_000
"""What a node's network may take of its flash, code and numbers together."""

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs cc")


def compiled(network, folder, *options, output="network.so", name="plantpulse_score"):
    made = to_c(network, name)
    (folder / f"{name}.h").write_text(made.header)
    (folder / f"{name}.c").write_text(made.source)
    subprocess.run(["cc", *STRICT, *options, "-o", folder / output, folder / f"{name}.c"], check=True)
    return folder / output


def forward(library, network, rows):
    """Call the C function row by row, with guards around what it may write."""
    layers = read_dense(network)
    scratch_bytes = int(re.search(r"SCRATCH_BYTES (\d+)", to_c(network).header)[1])
    function = ctypes.CDLL(str(library)).plantpulse_score_forward
    outputs = layers[-1].weights.shape[0]
    answers = np.empty((len(rows), outputs), np.int8)
    for row, answer in zip(rows, answers, strict=True):
        kept, output, scratch = row.copy(), np.full(outputs + 2, 77, np.int8), np.full(scratch_bytes + 2, 77, np.int8)
        function(
            ctypes.c_void_p(row.ctypes.data),
            ctypes.c_void_p(output.ctypes.data + 1),
            ctypes.c_void_p(scratch.ctypes.data + 1),
        )
        assert (output[[0, -1]] == 77).all()
        assert (scratch[[0, -1]] == 77).all()
        np.testing.assert_array_equal(row, kept)
        answer[:] = output[1:-1]
    return answers


def random_rows(width, count=1000):
    return np.random.default_rng(0).integers(-128, 128, (count, width)).astype(np.int8)


def odd_networks():
    """Give networks that reach every branch: one layer, gains above one, units that training switched off."""
    rng = np.random.default_rng(3)
    single = [DenseLayer(rng.standard_normal((3, 7)).astype(np.float32), np.ones(3, np.float32), relu=False)]
    loud = [
        DenseLayer((40.0 * rng.standard_normal((6, 5))).astype(np.float32), np.zeros(6, np.float32), relu=True),
        DenseLayer((0.01 * rng.standard_normal((9, 6))).astype(np.float32), np.ones(9, np.float32), relu=True),
        DenseLayer(rng.standard_normal((2, 9)).astype(np.float32), np.zeros(2, np.float32), relu=False),
    ]
    for layers in (single, loud):
        width = layers[0].weights.shape[1]
        yield quantise_network(write_dense(layers, "odd"), rng.standard_normal((200, width)).astype(np.float32))

    def narrow(model):
        # A result with steps so fine that sums are multiplied by more than one.
        model.subgraphs[0].tensors[12].quantization.scale = [1e-4]

    yield changed(shipped(), narrow)

    def lifted(model):
        # Zero is not the lowest number there is: negative ones must stop at it.
        model.subgraphs[0].tensors[6].quantization.zeroPoint = [-60]

    yield changed(shipped(), lifted)


@pytest.mark.parametrize("optimised", ["-O0", "-O2"])
def test_a_thousand_random_rows_are_bit_for_bit_those_of_numpy(tmp_path, optimised):
    library = compiled(shipped(), tmp_path, optimised, "-shared", "-fPIC")
    rows = random_rows(14)
    np.testing.assert_array_equal(forward(library, shipped(), rows), IntegerChain(read_dense(shipped()))(rows))


def test_odd_networks_too(tmp_path):
    seen = set()
    for number, network in enumerate(odd_networks()):
        library = compiled(network, tmp_path, "-O2", "-shared", "-fPIC", output=f"{number}.so")
        chain = IntegerChain(read_dense(network))
        seen |= {shift > 0 for layer in chain.layers for shift in layer.multiplier.left.tolist()}
        rows = random_rows(chain.layers[0].weights.shape[1], 300)
        np.testing.assert_array_equal(forward(library, network, rows), chain(rows))
    assert seen == {False, True}


def test_nothing_undefined_is_done(tmp_path):
    """The compiler's own watch: no overflow, no shift beyond a word, nothing read or written outside."""
    main = tmp_path / "main.c"
    main.write_text("""
        #include "plantpulse_score.c"
        #include <stdio.h>
        int main(void) {
            static int8_t input[PLANTPULSE_SCORE_INPUTS], output[PLANTPULSE_SCORE_OUTPUTS];
            static int8_t scratch[PLANTPULSE_SCORE_SCRATCH_BYTES];
            unsigned state = 1;
            for (int row = 0; row < 2000; row++) {
                for (int i = 0; i < PLANTPULSE_SCORE_INPUTS; i++) {
                    state = state * 1664525u + 1013904223u;
                    input[i] = (int8_t)(row < 2 ? (row ? 127 : -128) : (int)(state >> 24) - 128);
                }
                plantpulse_score_forward(input, output, scratch);
            }
            return printf("%d\\n", output[0]) < 0;
        }
    """)
    made = to_c(shipped())
    (tmp_path / "plantpulse_score.h").write_text(made.header)
    (tmp_path / "plantpulse_score.c").write_text(made.source)
    watch = ["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    built = subprocess.run(
        ["cc", *STRICT, *watch, "-o", tmp_path / "watched", main], capture_output=True, text=True, check=False
    )
    if "cannot find" in built.stderr:
        pytest.skip("this compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([tmp_path / "watched"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_nodes_part_is_small_and_needs_no_library(tmp_path):
    object_file = compiled(shipped(), tmp_path, "-Os", "-c", output="network.o")
    sizes = subprocess.run(["size", object_file], capture_output=True, text=True, check=True).stdout.split("\n")[1]
    text, data, bss = (int(number) for number in sizes.split()[:3])
    assert text + data < NODE_BYTES
    assert bss == 0
    asked = subprocess.run(["nm", "--undefined-only", object_file], capture_output=True, text=True, check=True).stdout
    assert set(asked.split()) <= {"U", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


def test_scales_in_the_header_are_the_files():
    header, layers = to_c(shipped()).header, read_dense(shipped())
    for word, tensor in (("INPUT", layers[0].source), ("OUTPUT", layers[-1].result)):
        assert np.float32(re.search(rf"{word}_SCALE (\S+)f", header)[1]) == tensor.scales[0]
        assert int(re.search(rf"{word}_ZERO_POINT \((-?\d+)\)", header)[1]) == tensor.zero_point


def test_every_runtime_and_the_c_agree_within_one_step(tmp_path):
    """tflite-micro is what microcontrollers run elsewhere: all of one table of rows, int8 in and out."""
    micro = pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this machine")
    layers, rows = read_dense(shipped()), random_rows(14)
    interpreter = micro.runtime.Interpreter.from_bytes(shipped())
    answers = []
    for row in rows:
        interpreter.set_input(row[None], 0)
        interpreter.invoke()
        answers.append(interpreter.get_output(0)[0])
    table = {"tflite-micro": np.array(answers), "numpy": IntegerChain(layers)(rows)}
    table["c"] = forward(compiled(shipped(), tmp_path, "-shared", "-fPIC"), shipped(), rows)
    numbers = (rows.astype(np.float32) - layers[0].source.zero_point) * np.float32(layers[0].source.scale)
    steps = load_network(shipped(), "litert").run(numbers) / layers[-1].result.scale
    table["litert"] = np.rint(steps).astype(np.int64) + layers[-1].result.zero_point
    for one in table.values():
        assert np.abs(one.astype(int) - table["tflite-micro"].astype(int)).max() <= 1
    # Double rounding is what tflite-micro does, too.
    np.testing.assert_array_equal(table["c"], table["tflite-micro"])


def test_what_cannot_be_written_is_refused():
    with pytest.raises(NetworkError, match="a float32 network"):
        to_c(small_float())
    with pytest.raises(ValueError, match="is no name in C"):
        to_c(shipped(), "Mine; system()")
    assert to_c(shipped()) == to_c(shipped())
