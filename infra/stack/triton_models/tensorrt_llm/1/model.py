"""The contract of TensorRT-LLM's LLM API in Triton, answered by the local model."""

from infra.local_model.triton import LlmApiModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
