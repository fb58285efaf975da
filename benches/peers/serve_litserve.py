"""LitServe's part of serve.py: a module of its own, because its workers are started afresh and import it."""
import common
import litserve
import numpy as np
import torch


class Api(litserve.LitAPI):
    """One worker; photos are decoded, batched and embedded there."""

    def setup(self, device):
        torch.set_num_threads(common.CORES)
        self.model, self.found = common.network(), common.index()

    def decode_request(self, request):
        return common.tensor(request["image"].file.read())

    def batch(self, inputs):
        return torch.stack(inputs)

    def predict(self, images):
        with torch.inference_mode():
            return self.model(images if images.ndim == 4 else images[None]).numpy()

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return common.answer(self.found, np.asarray(output).reshape(-1))
