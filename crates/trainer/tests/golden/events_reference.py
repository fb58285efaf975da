"""Golden bytes of a TensorBoard event file for src/training/events.rs, made and read back by the tensorboard package.

    pip install tensorboard==2.20.0 setuptools==80.9.0 && python tests/golden/events_reference.py > tests/golden/events.json
    python tests/golden/events_reference.py FOLDER    # prints what TensorBoard's own reader finds in a run's folder
"""

import io
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

TIME = 1_700_000_000.5
FIGURES = {
    "train/loss": 1.5,
    "train/cross_entropy": 0.25,
    "val/top1": 0.75,
    "run/lr": 0.125,
    "run/images_per_second": 40.0,
    "run/wait_share": 0.0,
}


def read(folder):
    events = EventAccumulator(folder)
    events.Reload()
    for tag in events.Tags()["scalars"]:
        print(tag, [(e.step, round(e.value, 6)) for e in events.Scalars(tag)])


def write():
    out = io.BytesIO()
    writer = RecordWriter(out)
    writer.write(Event(wall_time=TIME, file_version="brain.Event:2").SerializeToString())
    event = Event(wall_time=TIME, step=300)
    for tag, value in FIGURES.items():
        event.summary.value.add(tag=tag, simple_value=value)
    writer.write(event.SerializeToString())
    print(json.dumps(list(out.getvalue())))


read(sys.argv[1]) if len(sys.argv) > 1 else write()
