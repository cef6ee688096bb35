"""Fast exact selection kernels: pure functions on tensors, CPU and CUDA alike."""

from pauca.select.topk import top_k

__all__ = ["top_k"]
