"""Graphs of TALON IR in safetensors files."""
