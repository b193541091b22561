"""`params.yaml`, typed: one frozen section per file, validated once, at load; torch-free.

This package is empty on purpose: a stage imports only the sections that it reads, so that a new key in one section
does not rerun the stages that never look at it.
"""
