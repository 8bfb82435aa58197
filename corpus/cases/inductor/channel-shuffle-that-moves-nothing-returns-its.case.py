# misfold case, version 1

def program(x0: "float32[1, 2, 3]"):
    v0: "float32[1, 2, 3]" = torch.nn.functional.native_channel_shuffle(x0, 2)
    return (v0,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 0},
}

ABOUT = {
    "title": "channel_shuffle that moves nothing returns its argument, not a copy",
    "expect": [{"target": "inductor", "result": "wrong", "versions": {"torch": ">=2.13.0"}, "oracle": "aliasing"}],
}
