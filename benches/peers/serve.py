"""A peer of `make bench-serve`: serve.py NAME PORT, where NAME is fastapi-torch, litserve, openvino-bf16, openvino-int8 or
openvino-int8-latency. Takes a photo as the raw body of POST /similar (LitServe: as the field `image` of a form); GET /ready answers once it serves."""
import os
import sys
import threading

import common
import numpy as np
import torch


def fastapi(embed, prepare):
    """FastAPI on uvicorn: `prepare` and `embed` run on the thread pool, as plain `def` handlers do."""
    import uvicorn
    from fastapi import FastAPI, Request
    from fastapi.concurrency import run_in_threadpool

    app, found = FastAPI(), common.index()

    def work(photo: bytes) -> dict:
        return common.answer(found, embed(prepare(photo)))

    @app.get("/ready")
    def ready():
        return {}

    @app.post("/similar")
    async def similar(request: Request):
        return await run_in_threadpool(work, await request.body())

    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", loop="uvloop", http="httptools")


def fastapi_torch():
    torch.set_num_threads(common.CORES)
    model, lock = common.network(), threading.Lock()

    def embed(image):
        with lock, torch.inference_mode():  # one forward pass at a time has all cores: faster than passes that fight
            return model(image[None])[0].numpy()

    fastapi(embed, common.tensor)


def openvino(which: str):
    import openvino as ov

    plain, quantised = common.openvino_models()
    core = ov.Core()
    model = core.read_model(quantised if "int8" in which else plain)
    model.reshape([1, 3, 224, 224])
    hint = "LATENCY" if which.endswith("latency") else "THROUGHPUT"
    compiled = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": "bf16"})
    # The first inference of a process must be alone: two at once wait for each other for ever.
    compiled.create_infer_request().infer([np.zeros((1, 3, 224, 224), np.float32)])
    free = threading.Semaphore(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    held = threading.local()

    def embed(image):
        if not hasattr(held, "request"):
            held.request = compiled.create_infer_request()
        with free:
            return next(iter(held.request.infer([image]).values()))[0]

    fastapi(embed, common.array)


def litserve():
    import litserve

    import serve_litserve

    api = serve_litserve.Api(max_batch_size=8, batch_timeout=0.005, api_path="/similar")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    NAME, PORT = sys.argv[1], int(sys.argv[2])
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if NAME == "fastapi-torch":
        fastapi_torch()
    elif NAME == "litserve":
        litserve()
    else:
        openvino(NAME)
