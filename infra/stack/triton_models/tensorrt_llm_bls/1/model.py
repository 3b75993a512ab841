"""TensorRT-LLM's legacy contract, answered by the local model."""

from infra.local_model.triton import TrtllmEngineModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
