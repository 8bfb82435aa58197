"""A minimum over a dimension as TVMScript, and a primitive that breaks it."""

from __future__ import annotations

SCRIPT = """@T.prim_func(s_tir=True)
def main(x: T.Buffer((1, 7), "int16"), y: T.Buffer((1, 7), "int16")):
    T.func_attr({"tirx.noalias": True})
    for i, k, j in T.grid(7, 1, 1):
        with T.sblock("y"):
            v_j, v_i, v_k = T.axis.remap("SSR", [j, i, k])
            T.reads(x[v_k, v_i])
            T.writes(y[v_j, v_i])
            with T.init():
                y[v_j, v_i] = T.int16(32767)
            y[v_j, v_i] = T.min(y[v_j, v_i], x[v_k, v_i])"""


def pad(schedule, random):
    """Pads a minimum, which TVM 0.27 does with zeros, as it would a sum: a primitive that changes the meaning."""
    (block,) = schedule.get_child_blocks(schedule.get_sblock("root"))
    schedule.pad_einsum(block, [4, 1, 4])
