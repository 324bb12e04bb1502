"""The commands of `tuwen`; each module is imported only when its command is used."""

COMMANDS = {
    "run": "run the whole pipeline: read, check, train, judge, push, report",
    "configs": "list the configs with what they cost and give",
    "check-data": "read a data set as a run would, and say what is wrong with it",
    "schema": "say what a run's data would change in the reviewed schema, and propose a new one",
    "train": "train one model without TFX, to try things out",
    "generate": "draw pictures from captions",
    "caption": "describe pictures in words",
    "serve": "serve models as TensorFlow Serving does (REST and gRPC), for development and tests",
    "rollback": "put the model that was served before the current one back in place",
    "watch": "run a config again whenever a new span of data has arrived",
    "demo-ui": "try trained models in a browser",
    "evaluate": "measure pushed models again, without TFX",
    "compare": "put two runs side by side: settings, figures beyond noise, pictures",
    "compile": "write the pipeline as a file for Kubeflow Pipelines or Vertex",
    "dry-run": "run a compiled pipeline here, each container's command in a process of its own",
    "report": "say where a run's report is and what it found",
}
