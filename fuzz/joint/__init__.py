"""The joint loop: programs and pipelines evolve together under coverage feedback (Tzer, OOPSLA 2022, section 3)."""
