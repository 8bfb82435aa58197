"""ATen → graph IR. The only part of the compiler that knows PyTorch."""
