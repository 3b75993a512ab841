"""The model that needs no GPU: no weights, honest about it, behind the tensor contracts of TensorRT-LLM in Triton.

It runs inside Triton's Python stub processes, so it imports little: the standard library, numpy and tokenizers.
"""
