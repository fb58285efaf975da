"""The training peer: PyTorch, torchvision and a DataLoader with workers, the same recipe. train.py TASK.json prints a JSON line an
epoch, then one for the run. Usual code, as a vision team would write it."""
import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Photos(Dataset):
    def __init__(self, root, photos, transform):
        self.root, self.photos, self.transform = Path(root), photos, transform

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, i):
        path, label = self.photos[i]
        with Image.open(self.root / path) as image:
            return self.transform(ImageOps.exif_transpose(image).convert("RGB")), label


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        outputs = planes * 4
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class SlimResNet50(nn.Module):
    """torchvision's ResNet-50 with another first width, an embedding and a classifier on top."""

    def __init__(self, width, embedding, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        layers, inputs = [nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)], width
        for stage, blocks in enumerate([3, 4, 6, 3]):
            for block in range(blocks):
                planes = width << stage
                layers.append(Bottleneck(inputs, planes, 2 if block == 0 and stage > 0 else 1))
                inputs = planes * 4
        self.layers = nn.Sequential(*layers)
        self.embedding, self.classifier = nn.Linear(inputs, embedding), nn.Linear(embedding, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)

    def forward(self, x):
        embedding = self.embedding(self.layers(self.bn1(self.conv1(x))).mean((2, 3)))
        return embedding, self.classifier(embedding)


def rate(task, step, total):
    rise = max(1.0, task["warmup"] * total)
    if step < rise:
        return task["lr"] * (step + 1) / rise
    return task["lr"] * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1.0, total - rise)))


def to_device(images, device):
    return images.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def evaluate(model, loader, autocast, device):
    model.eval()
    embeddings, logits, labels = [], [], []
    for images, truth in loader:
        with autocast():
            embedding, scores = model(to_device(images, device))
        embeddings.append(F.normalize(embedding.float()).cpu())
        logits.append(scores.float().cpu())
        labels.append(truth)
    embeddings, logits, labels = torch.cat(embeddings), torch.cat(logits), torch.cat(labels)
    near = (embeddings @ embeddings.T).fill_diagonal_(-2).argmax(1)
    return (logits.argmax(1) == labels).float().mean().item(), (labels[near] == labels).float().mean().item()


def main():
    task = json.loads(Path(sys.argv[1]).read_text())
    torch.manual_seed(task["seed"])
    size, jitter, device = task["size"], task["jitter"], torch.device(task.get("device", "cpu"))
    normalise = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    augment = transforms.Compose([
        transforms.Resize(task["resize"]), transforms.RandomResizedCrop(size, (task["crop"], 1.0)),
        transforms.RandomHorizontalFlip(), transforms.ColorJitter(jitter, jitter, jitter), *normalise])
    plain = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size), *normalise])
    workers = {"num_workers": task["workers"], "persistent_workers": True, "pin_memory": device.type == "cuda"}
    train = DataLoader(Photos(task["root"], task["train"], augment), task["batch"], shuffle=True, drop_last=True, **workers)
    test = DataLoader(Photos(task["root"], task["test"], plain), 32, **workers)

    model = SlimResNet50(task["width"], task["embedding"], task["classes"]).to(device, memory_format=torch.channels_last)
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    plainly = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": task["weight_decay"]}, {"params": plainly, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=task["lr"], momentum=0.9, nesterov=True)
    autocast = lambda: torch.autocast(device.type, torch.bfloat16, enabled=task["bf16"])
    total, step, seconds = len(train) * task["epochs"], 0, 0.0
    for epoch in range(task["epochs"]):
        model.train()
        started = time.perf_counter()
        for images, labels in train:
            for group in optimizer.param_groups:
                group["lr"] = rate(task, step, total)
            with autocast():
                _, logits = model(to_device(images, device))
            loss = F.cross_entropy(logits.float(), labels.to(device, non_blocking=True), label_smoothing=task["label_smoothing"])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            step += 1
        loss = loss.item()  # waits for the device
        took = time.perf_counter() - started
        seconds += took
        # Where all photos are trained on there are none to evaluate with.
        top1, hit1 = evaluate(model, test, autocast, device) if task["test"] else (None, None)
        speed = len(train) * task["batch"] / took
        print(json.dumps({"epoch": epoch + 1, "loss": loss, "top1": top1, "hit1": hit1, "images_per_second": speed}), flush=True)
    print(json.dumps({"images_per_second": total * task["batch"] / seconds, "top1": top1, "hit1": hit1}))


main()
