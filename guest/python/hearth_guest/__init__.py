"""Hearth's Python runtime. A package of its own name, so that user modules cannot collide with it."""
