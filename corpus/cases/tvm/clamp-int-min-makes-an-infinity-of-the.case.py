# misfold case, version 1

def program(x0: "int64[3]"):
    v0: "int64[3]" = torch.clamp(x0, 2)
    return (v0,)

INPUTS = {
    "x0": {"draw": "integers", "low": 1, "high": 9, "seed": 0},
}

ABOUT = {
    "title": "clamp(int, min) makes an infinity of the missing bound",
    "expect": [{"target": "tvm", "result": "compile-error", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "compile", "message": "RuntimeError: Cannot convert infinity to BigInt"}],
}
