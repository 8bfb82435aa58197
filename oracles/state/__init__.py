"""What a compiled program does besides computing values: other shapes, memory, flags of its outputs, repetition."""
