"""Write a dense int8 network as C for microcontrollers: one header, one source file, nothing else needed.

The same integers as `models.runtimes.plain_numpy` computes with, bit for bit: int8 weights, int32 sums, multiplication
in fixed point. Portable C99: right shifts of negative numbers, which the language leaves to the compiler, are avoided.
Nothing is allocated and nothing lies on the stack but a few words: the caller owns the buffers, whose sizes are macros.
The same network always gives the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from models.runtimes.errors import NetworkError
from models.runtimes.plain_numpy import IntegerChain, IntegerLayer
from models.runtimes.tflite_file import read_dense

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.runtimes.layers import Layer

NAME: Final = "plantpulse_score"
NUMBERS_PER_LINE: Final = 20

_HEADER: Final = """\
/* Written by plantpulse from a network of {layers} layers; do not edit.
 *
 * x stands for the number (x - ZERO_POINT) * SCALE. {macro}_SCRATCH_BYTES may be shared with whatever does not run
 * meanwhile. Input, output and scratch must not overlap.
 */
#ifndef {macro}_H
#define {macro}_H

#include <stdint.h>

#define {macro}_INPUTS {inputs}
#define {macro}_OUTPUTS {outputs}
#define {macro}_SCRATCH_BYTES {scratch}
#define {macro}_INPUT_SCALE {input_scale}f
#define {macro}_INPUT_ZERO_POINT ({input_zero_point})
#define {macro}_OUTPUT_SCALE {output_scale}f
#define {macro}_OUTPUT_ZERO_POINT ({output_zero_point})

/* Compute {macro}_OUTPUTS numbers from {macro}_INPUTS; never fails. */
void {name}_forward(const int8_t *input, int8_t *output, int8_t *scratch);

#endif
"""

_SOURCE: Final = """\
/* Written by plantpulse from a network of {layers} layers; do not edit. */
#include "{name}.h"

struct layer {{
    const int8_t *weights; /* outputs rows of inputs */
    const int32_t *bias;
    const int32_t *fraction; /* of 2^31 */
    const uint8_t *left;     /* bits before */
    const uint8_t *right;    /* bits after */
    uint16_t inputs;
    uint16_t outputs;
    int16_t zero_point;
    int16_t lowest;
}};

{arrays}
static const struct layer layers[] = {{
{rows}
}};

/* floor(value / 2^bits), also of negative numbers */
static int64_t shifted(int64_t value, unsigned bits)
{{
    return value >= 0 ? value >> bits : -((-(value + 1)) >> bits) - 1;
}}

/* sum * 2^left * fraction / 2^31 / 2^right, rounded after each division as the kernels of TensorFlow Lite do */
static int64_t scaled(int32_t sum, int32_t fraction, unsigned left, unsigned right)
{{
    const int64_t product = (int64_t)sum * ((int64_t)1 << left) * fraction;
    const int64_t high = shifted(product + ((int64_t)1 << 30), 31);
    const int64_t low = shifted(high, right);
    const int64_t rest = high - low * ((int64_t)1 << right);
    const int64_t half = ((((int64_t)1 << right) - 1) >> 1) + (high < 0);
    return low + (rest > half);
}}

static void dense(const struct layer *layer, const int8_t *input, int8_t *output)
{{
    const int8_t *weights = layer->weights;
    for (uint16_t unit = 0; unit < layer->outputs; unit++) {{
        int32_t sum = layer->bias[unit];
        for (uint16_t place = 0; place < layer->inputs; place++) {{
            sum += (int32_t)*weights++ * input[place];
        }}
        int64_t value = scaled(sum, layer->fraction[unit], layer->left[unit], layer->right[unit]) + layer->zero_point;
        if (value < layer->lowest) {{
            value = layer->lowest;
        }}
        output[unit] = (int8_t)(value > 127 ? 127 : value);
    }}
}}

void {name}_forward(const int8_t *input, int8_t *output, int8_t *scratch)
{{
    (void)scratch;
{calls}
}}
"""


@dataclass(frozen=True, slots=True)
class CSource:
    """Two files.

    Attributes:
        header: the text of `<name>.h`.
        source: the text of `<name>.c`.
    """

    header: str
    source: str


def to_c(network: bytes, name: str = NAME) -> CSource:
    """Return a dense int8 network as C.

    Args:
        network: a TFLite file, fully int8.
        name: what the files, the function and the macros are called by; letters, digits and `_`.

    Raises:
        NetworkError: the bytes are no such file, or the network is float32.
        ValueError: the name is none in C.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", name):
        raise ValueError(f"{name!r} is no name in C: lower-case letters, digits and _")
    layers = read_dense(network)
    if not layers[0].is_int8:
        raise NetworkError("a float32 network: quantise it before it goes to a microcontroller")
    integers = IntegerChain(layers).layers
    widths = [layer.weights.shape[0] for layer in layers[:-1]]
    # Layers take turns between two halves of the scratch.
    halves = [max(widths[start::2], default=0) for start in (0, 1)]
    source = _SOURCE.format(
        layers=len(layers),
        name=name,
        arrays="\n".join(_arrays(number, layer) for number, layer in enumerate(integers, start=1)),
        rows="\n".join(_row(number, layer) for number, layer in enumerate(integers, start=1)),
        calls="\n".join(_calls(len(layers), halves[0])),
    )
    return CSource(_header(layers, name, max(sum(halves), 1)), source)


def _header(layers: Sequence[Layer], name: str, scratch: int) -> str:
    first, last = layers[0].source, layers[-1].result
    return _HEADER.format(
        layers=len(layers),
        name=name,
        macro=name.upper(),
        inputs=first.shape[1],
        outputs=last.shape[1],
        scratch=scratch,
        # Nine digits give the same float32 back.
        input_scale=f"{first.scale:.9e}",
        input_zero_point=first.zero_point,
        output_scale=f"{last.scale:.9e}",
        output_zero_point=last.zero_point,
    )


def _arrays(number: int, layer: IntegerLayer) -> str:
    fixed = layer.multiplier
    return "".join(
        f"static const {kind} {what}_{number}[] = {{\n{_numbers(values)}\n}};\n"
        for kind, what, values in (
            ("int8_t", "weights", layer.weights),
            ("int32_t", "bias", layer.bias),
            ("int32_t", "fraction", fixed.fractions),
            ("uint8_t", "left", fixed.left),
            ("uint8_t", "right", fixed.right),
        )
    )


def _numbers(values: NDArray[Any]) -> str:
    # -2147483648 is an expression of another type in C, but bounds keep it away (`models.runtimes.layers`).
    texts = [str(int(value)) for value in values.ravel()]
    lines = [", ".join(texts[at : at + NUMBERS_PER_LINE]) for at in range(0, len(texts), NUMBERS_PER_LINE)]
    return ",\n".join(f"    {line}" for line in lines)


def _row(number: int, layer: IntegerLayer) -> str:
    outputs, inputs = layer.weights.shape
    arrays = ", ".join(f"{what}_{number}" for what in ("weights", "bias", "fraction", "left", "right"))
    return f"    {{{arrays}, {inputs}, {outputs}, {layer.zero_point}, {layer.lowest}}},"


def _calls(count: int, second_half: int) -> list[str]:
    """Return one call per layer: from the input, through the halves of the scratch in turns, to the output."""
    halves = ("scratch", f"scratch + {second_half}")
    places = ["input", *(halves[number % 2] for number in range(count - 1)), "output"]
    return [f"    dense(&layers[{number}], {places[number]}, {places[number + 1]});" for number in range(count)]
