# misfold case, version 1

def program(x0: "int64[1]", x1: "int64[1]"):
    v0: "int64[1]" = torch.lcm(x0, x1)
    return (v0,)

INPUTS = {
    "x0": {"draw": "values", "values": [-9223372036854775808]},
    "x1": {"draw": "values", "values": [5]},
}

ABOUT = {
    "title": "lcm with the smallest integer ends the process (SIGFPE)",
    "expect": [{"target": "eager", "result": "crash", "versions": {"torch": ">=2.13.0"}, "oracle": "crash"}],
}
