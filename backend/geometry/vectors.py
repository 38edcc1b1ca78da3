# SPDX-License-Identifier: GPL-3.0-or-later
"""Three inner loops of the field, written as vector instructions so that no compiler has to find them.

Left to itself the compiler keeps the sums of a small matrix product in memory and checks in every loop whether its
arrays overlap, which costs three quarters of the speed. These intrinsics build LLVM code directly: sums stay in
registers, `LANES` numbers at a time. On processors with narrower registers LLVM splits the vectors, so the results are
the same everywhere. They check nothing: rows, widths and offsets must be right.
"""

import platform
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _registers() -> tuple[int, int]:
    """Numbers in a vector register, and how many registers side by side hold the outputs of a row."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16, 4
    if features.get("avx"):
        return 8, 2
    return 4, 4 if platform.machine().lower() in ("arm64", "aarch64") else 2


LANES, ABREAST = _registers()
OUTPUTS = LANES * ABREAST
"""Widths of layers are multiples of this; `lookup.Network` pads with zeros."""
ROWS = 6
"""Rows of `dense` computed at once: they share each loaded weight, and their sums fill the registers."""

_REAL = ir.FloatType()
_VECTOR = ir.VectorType(_REAL, LANES)


def _pointer(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _load(builder: Any, base: Any, index: Any) -> Any:
    place = builder.bitcast(builder.gep(base, [index], inbounds=True), _VECTOR.as_pointer())
    return builder.load(place, align=4)


def _store(builder: Any, value: Any, base: Any, index: Any) -> None:
    place = builder.bitcast(builder.gep(base, [index], inbounds=True), _VECTOR.as_pointer())
    builder.store(value, place, align=4)


def _spread(builder: Any, scalar: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), lanes)


def _multiply_add(builder: Any) -> Callable[[Any, Any, Any], Any]:
    name = f"llvm.fmuladd.v{LANES}f32"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), name)
    return lambda a, b, c: builder.call(function, [a, b, c])


@intrinsic
def blend(typing: Any, out: Any, row: Any, texels: Any, starts: Any, shares: Any) -> Any:
    """out[row] = sum over k of shares[k] * texels[starts[k]: starts[k] + width]; its width is a multiple of LANES."""
    signature = types.void(out, row, texels, starts, shares)

    def code(context: Any, builder: Any, _: Any, values: Any) -> Any:
        target, source = (_pointer(context, builder, signature.args[k], values[k]) for k in (0, 2))
        shape = cgutils.unpack_tuple(builder, context.make_array(out)(context, builder, values[0]).shape)
        first = builder.mul(values[1], shape[1])
        begin = cgutils.unpack_tuple(builder, values[3])
        spread = [_spread(builder, share) for share in cgutils.unpack_tuple(builder, values[4])]
        fused = _multiply_add(builder)
        step = ir.Constant(shape[1].type, LANES)
        with cgutils.for_range_slice(builder, shape[1].type(0), shape[1], step, shape[1].type) as (column, _count):
            total = ir.Constant(_VECTOR, [0.0] * LANES)
            for start, share in zip(begin, spread, strict=True):
                total = fused(_load(builder, source, builder.add(start, column)), share, total)
            _store(builder, total, target, builder.add(first, column))
        return context.get_dummy_value()

    return signature, code


@intrinsic
def dense(typing: Any, out: Any, row: Any, rows: Any, inputs: Any, weights: Any, bias: Any, rectify: Any) -> Any:
    """out[row: row + ROWS] = inputs[row: row + ROWS, :len(weights)] @ weights + bias, then ReLU where `rectify`.

    `rows` is the literal number of rows computed, ROWS or 1; out.shape[1] = weights.shape[1] is a multiple of OUTPUTS.
    """
    if not isinstance(rows, types.IntegerLiteral) or not isinstance(rectify, types.BooleanLiteral):
        return None
    signature = types.void(out, row, rows, inputs, weights, bias, rectify)
    count = rows.literal_value

    def code(context: Any, builder: Any, _: Any, values: Any) -> Any:
        target, source, matrix, offset = (
            _pointer(context, builder, signature.args[k], values[k]) for k in (0, 3, 4, 5)
        )
        across = cgutils.unpack_tuple(builder, context.make_array(inputs)(context, builder, values[3]).shape)[1]
        deep, wide = cgutils.unpack_tuple(builder, context.make_array(weights)(context, builder, values[4]).shape)
        word = wide.type
        fused = _multiply_add(builder)
        places = [[cgutils.alloca_once(builder, _VECTOR) for _ in range(ABREAST)] for _ in range(count)]
        froms = [builder.mul(builder.add(values[1], word(k)), across) for k in range(count)]
        tos = [builder.mul(builder.add(values[1], word(k)), wide) for k in range(count)]
        step = word(OUTPUTS)
        with cgutils.for_range_slice(builder, word(0), wide, step, word) as (column, _count):
            columns = [builder.add(column, word(LANES * k)) for k in range(ABREAST)]
            for sums in places:
                for place, at in zip(sums, columns, strict=True):
                    builder.store(_load(builder, offset, at), place)
            with cgutils.for_range(builder, deep, intp=word) as loop:
                line = builder.mul(loop.index, wide)
                loaded = [_load(builder, matrix, builder.add(line, at)) for at in columns]
                for start, sums in zip(froms, places, strict=True):
                    value = builder.load(builder.gep(source, [builder.add(start, loop.index)], inbounds=True))
                    value = _spread(builder, value)
                    for weight, place in zip(loaded, sums, strict=True):
                        builder.store(fused(weight, value, builder.load(place)), place)
            for start, sums in zip(tos, places, strict=True):
                for place, at in zip(sums, columns, strict=True):
                    value = builder.load(place)
                    if rectify.literal_value:
                        zero = ir.Constant(_VECTOR, [0.0] * LANES)
                        value = builder.select(builder.fcmp_ordered(">", value, zero), value, zero)
                    _store(builder, value, target, builder.add(start, at))
        return context.get_dummy_value()

    return signature, code
