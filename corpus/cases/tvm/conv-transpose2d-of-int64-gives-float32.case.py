# misfold case, version 1

def program(x0: "int64[1, 1, 3, 3]", x1: "int64[1, 1, 2, 2]"):
    v0: "int64[1, 1, 4, 4]" = torch.nn.functional.conv_transpose2d(x0, x1)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
    "x1": {"draw": "integers", "low": 1, "high": 9, "seed": 1},
}

ABOUT = {
    "title": "conv_transpose2d of int64 gives float32",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "dtype"}],
}
