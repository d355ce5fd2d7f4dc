"""Imports the DAG, checks what Airflow will do with it, and runs its task against a stand-in of lp-archive.

    python check_dag.py DAG PROGRAM_DIR  ->  {"arguments": [...], "outcome": {"0": "success", "1": "retry", "3": "fail"}}

Airflow itself is 130 packages: where it is not installed, the names that the DAG imports stand in for it. Give an
interpreter that has Airflow to try it with the real one; 2.11 and 3.3 were.
"""

import json
import logging
import os
import sys
import threading
import time
import types
from importlib.util import module_from_spec, spec_from_file_location


def stand_in():
    """The names that the DAG imports, as Airflow 3 has them."""

    class BaseOperator:
        def __init__(self, *, task_id, **settings):
            self.task_id, self.settings = task_id, settings
            self.log = logging.getLogger(task_id)
            DAG.current.tasks.append(self)

        def __getattr__(self, name):
            return self.settings[name] if "settings" in vars(self) and name in self.settings else None

    class DAG:
        def __init__(self, dag_id, **settings):
            self.dag_id, self.settings, self.tasks = dag_id, settings, []

        def __enter__(self):
            DAG.current = self
            return self

        def __exit__(self, *_):
            pass

    class AirflowException(Exception):
        pass

    class AirflowFailException(AirflowException):
        pass

    names = {
        "airflow": {},
        "airflow.sdk": {"BaseOperator": BaseOperator, "DAG": DAG},
        "airflow.sdk.exceptions": {
            "AirflowException": AirflowException,
            "AirflowFailException": AirflowFailException,
        },
    }
    for name, members in names.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)


def main(path, program_dir):
    try:
        import airflow  # noqa: F401
    except ImportError:
        stand_in()
    spec = spec_from_file_location("lp_archive_dag", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    [task] = module.dag.tasks
    assert task.retries >= 2, task.retries
    os.environ["PATH"] = program_dir + os.pathsep + os.environ["PATH"]
    outcome = {}
    for code in [0, 1, 2, 3, 4, 5, 6, 130, 137]:
        os.environ["EXIT_CODE"] = str(code)
        try:
            task.execute({})
            outcome[code] = "success"
        except module.AirflowFailException:
            outcome[code] = "fail"
        except module.AirflowException:
            outcome[code] = "retry"
    # A task that is stopped takes its process along.
    os.environ["EXIT_CODE"] = "never"
    begun, last = time.monotonic(), task.process

    def stop():
        while task.process is last and time.monotonic() - begun < 20:
            time.sleep(0.01)
        task.on_kill()

    threading.Thread(target=stop).start()
    try:
        task.execute({})
        raise SystemExit("a task that was stopped passes for done")
    except module.AirflowException:
        assert time.monotonic() - begun < 30, "it waited for the process's own end"
    print(json.dumps({"arguments": task.arguments, "outcome": outcome}))


main(*sys.argv[1:])
