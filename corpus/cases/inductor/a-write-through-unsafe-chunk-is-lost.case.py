# misfold case, version 1

def program(x0: "float32[4]"):
    v0, v1 = torch.unsafe_chunk(x0, 2)
    v2: "float32[2]" = v0.zero_()
    return (v2,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 0},
}

ABOUT = {
    "title": "a write through unsafe_chunk is lost: functionalisation takes its outputs for copies",
    "expect": [{"target": "inductor", "result": "wrong", "versions": {"torch": ">=2.13.0"}, "oracle": "mutation"}, {"target": "misfold", "result": "wrong", "versions": {"misfold": ">=0.1.0"}, "oracle": "mutation"}],
}
