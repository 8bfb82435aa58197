# misfold case, version 1

def program(x0: "bfloat16[8]"):
    v0: "int64[8]" = torch.argsort(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "values", "values": [5, 3, 8, 1, 7, 2, 6, 4]},
}

ABOUT = {
    "title": "argsort of bfloat16 is wrong",
    "expect": [{"target": "tvm", "result": "wrong", "versions": {"apache-tvm": ">=0.27.0.post1"}, "oracle": "values"}],
}
