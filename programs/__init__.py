"""The language of misfold: tensor types, graphs, input recipes, pipelines, cases, and their text forms.

Nothing in this room imports a framework: case files can be read, checked, hashed and rewritten without torch or TVM.
"""
