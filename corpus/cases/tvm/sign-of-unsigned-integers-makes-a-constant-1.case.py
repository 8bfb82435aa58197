# misfold case, version 1

def program(x0: "uint8[3]"):
    v0: "uint8[3]" = torch.sign(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "values", "values": [0, 3, 255]},
}

ABOUT = {
    "title": "sign of unsigned integers makes a constant -1",
    "expect": [{"target": "tvm", "result": "compile-error", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "compile", "message": "tvm.error.InternalError: Check failed: (value >= 0) is false: cannot make uint from negative value -"}],
}
