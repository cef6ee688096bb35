"""Fast exact selection kernels: pure functions on tensors, CPU and CUDA alike."""

from pauca.select.codes import hamming_distances, k_center_codes, pack_bits
from pauca.select.kcenter import k_center
from pauca.select.kmeans import k_means, k_means_centres, nearest_distinct
from pauca.select.kmeanspp import badge_seeding, kmeans_plusplus
from pauca.select.pca import principal_components
from pauca.select.topk import top_k
from pauca.select.work import Work

__all__ = [
    "Work",
    "badge_seeding",
    "hamming_distances",
    "k_center",
    "k_center_codes",
    "k_means",
    "k_means_centres",
    "kmeans_plusplus",
    "nearest_distinct",
    "pack_bits",
    "principal_components",
    "top_k",
]
