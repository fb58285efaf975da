"""Peers of `make bench-model`, one core: prints one JSON line of seconds a photo, by engine and batch, and of the seconds that
Pillow and torchvision take from the bytes of a large JPEG to the tensor. Arguments: the JPEG, seconds for each."""
import json
import statistics
import sys
import time

import common
import numpy as np
import openvino as ov
import torch

PHOTO, EACH = sys.argv[1], float(sys.argv[2])
BATCHES = (1, 8)


def median(work) -> float:
    """Of at least five runs."""
    work()
    work()
    times, end = [], time.perf_counter() + EACH
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


torch.set_num_threads(1)
found = {}
plain, quantised = common.openvino_models()
core = ov.Core()
for name, path in (("openvino-int8", quantised), ("openvino-bf16", plain)):
    for batch in BATCHES:
        model = core.read_model(path)
        model.reshape([batch, 3, 224, 224])
        options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "bf16"}
        request = core.compile_model(model, "CPU", options).create_infer_request()
        images = np.random.default_rng(0).standard_normal((batch, 3, 224, 224)).astype(np.float32)
        found[f"{name}@{batch}"] = median(lambda: request.infer([images])) / batch
network = common.network()
for batch in BATCHES:
    images = torch.randn(batch, 3, 224, 224)
    with torch.inference_mode():
        found[f"torch-f32@{batch}"] = median(lambda: network(images)) / batch
data = open(PHOTO, "rb").read()
found["decode"] = median(lambda: common.tensor(data))
print(json.dumps(found))
