"""Trains a few steps of a tiny stage and writes down its losses; a process of its own.

Devices and workers must be set up before TensorFlow computes anything.

python replicas.py DIRECTORY STAGE STRATEGY DEVICES STEPS [KILLED_AT]
"""

import json
import os
import signal
import sys
from pathlib import Path

from trainer.engine import distribution

if __name__ == "__main__":
    root, stage, strategy = Path(sys.argv[1]), *sys.argv[2:4]
    devices, steps, *killed_at = map(int, sys.argv[4:])
    distribution.start(strategy, devices)

    from data.prepared import load
    from trainer.config import Experiment
    from trainer.engine import loop
    from trainer.settings_loader import from_mapping
    from trainer.train import train

    mapping = json.loads((root / "experiment.json").read_text(encoding="utf-8"))
    mapping["training"] |= {
        "strategy": strategy,
        "devices": devices,
        "steps": steps,
    }
    seen, run = [], loop.run

    def watched(task, *rest):
        train_step = task.train_step

        def noted(step, *arguments):
            if [step] == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            losses = train_step(step, *arguments)
            seen.append({"step": step} | {name: float(value) for name, value in losses.items()})
            return losses

        task.train_step = noted
        return run(task, *rest)

    loop.run = watched
    work = root / "work"
    try:
        summary = train(
            from_mapping(Experiment, mapping, "experiment.json"),
            stage,
            load(str(root / "prepared")),
            str(work),
            str(root / "model"),
            None if stage == "encoder" else str(root / "encoder"),
        )
    except loop.TrainingError as error:
        print(error, flush=True)
        os._exit(3)
    name = json.loads(os.environ.get("TF_CONFIG", '{"task": {"index": 0}}'))["task"]["index"]
    result = {"losses": seen, "device": summary.device, "validation": summary.validation}
    (root / f"result-{name}.json").write_text(json.dumps(result), encoding="utf-8")
