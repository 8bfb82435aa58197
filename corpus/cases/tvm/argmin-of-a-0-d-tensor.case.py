# misfold case, version 1

def program(x0: "float32[]"):
    v0: "int64[]" = torch.argmin(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 0},
}

ABOUT = {
    "title": "argmin of a 0-d tensor",
    "expect": [{"target": "tvm", "result": "compile-error", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "compile", "message": "tvm.error.InternalError: Check failed: ndim != 0 (0 vs. 0) : Cannot reduce a 0 dim Tensor"}],
}
