"""Accelerators: a delegate is loaded from its library, and what it leaves to the processor is counted.

There is no accelerator on the machines that run the tests. What is real here: loading the shared library of a delegate,
which is built below and takes no operator, as one does that knows none of a network; and counting what XNNPACK took, a
delegate that LiteRT ships. That a particular accelerator computes correctly has to be seen beside it.
"""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from support.networks import shipped, small_float

from models.runtimes.errors import DelegateError
from models.runtimes.interpreter import Delegate, left_to_cpu
from models.runtimes.table import load_network

# The layout of TfLiteDelegate and the two functions are the plug-in interface that LiteRT documents.
TAKES_NOTHING = """
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
struct delegate {
    void *data;
    int (*prepare)(void *context, struct delegate *self);
    void *copy_from, *copy_to, *free_buffer;
    int64_t flags;
    void *builder;
};
static int prepare(void *context, struct delegate *self) { (void)context; (void)self; return 0; }
struct delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
    if (count && strcmp(keys[0], "speed") == 0 && strcmp(values[0], "never") == 0) {
        report("this speed is not to be had");
        return NULL;
    }
    struct delegate *made = calloc(1, sizeof *made);
    if (made) made->prepare = prepare;
    return made;
}
void tflite_plugin_destroy_delegate(struct delegate *made) { free(made); }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if not shutil.which("cc"):
        pytest.skip("needs cc")
    folder = tmp_path_factory.mktemp("delegate")
    (folder / "delegate.c").write_text(TAKES_NOTHING)
    made = folder / "libnothing.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", made, folder / "delegate.c"], check=True)
    return str(made)


def test_a_delegate_that_takes_nothing_is_told_by_the_count(library):
    rows = np.random.default_rng(0).standard_normal((4, 14)).astype(np.float32)
    network = load_network(shipped(), "litert", delegate=Delegate(library, {"speed": "high"}))
    assert (network.operators, network.cpu_operators) == (4, 4)
    np.testing.assert_array_equal(network.run(rows), load_network(shipped(), "litert").run(rows))


def test_best_uses_a_runtime_that_takes_delegates(library):
    assert load_network(shipped(), "best", delegate=Delegate(library)).operators == 4


def test_what_a_delegate_says_of_its_options_is_passed_on(library):
    with pytest.raises(DelegateError, match="this speed is not to be had"):
        load_network(shipped(), "litert", delegate=Delegate(library, {"speed": "never"}))


@pytest.mark.parametrize("name", ["/nowhere/libdelegate.so", __file__, "libm.so.6"])
def test_a_library_that_is_missing_or_none_is_one_clear_line(name):
    with pytest.raises(DelegateError, match=f"the delegate {name} cannot be used"):
        load_network(shipped(), "litert", delegate=Delegate(name))


@pytest.mark.parametrize(("network", "operators"), [(shipped(), 4), (small_float(), 3)])
def test_operators_that_xnnpack_takes_are_not_counted(network, operators):
    plain, taken = (
        Interpreter(model_content=network, experimental_op_resolver_type=resolver)
        for resolver in (OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, OpResolverType.BUILTIN)
    )
    for interpreter in (plain, taken):
        interpreter.allocate_tensors()
    assert left_to_cpu(plain._get_ops_details()) == operators
    assert left_to_cpu(taken._get_ops_details()) == 0
