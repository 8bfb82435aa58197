"""Math functions of floats as straight-line arithmetic, one file each, with their error in ULP."""


def call(op, operands):
    x = operands[0]
    e = x.emitter
    raise NotImplementedError(op)
