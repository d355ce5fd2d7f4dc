"""Archives LivePerson's files every night, and tries again only what another try can mend.

Put it into the DAG folder of Airflow 3 or 2 (2.4 or newer). Each worker needs `lp-archive` in its PATH, the
configuration, the secret files that it names, and `AWS_*` or a role where the lake is a bucket.
"""

import subprocess
from datetime import datetime, timedelta, timezone

try:
    from airflow.sdk import DAG, BaseOperator
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models import BaseOperator

try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2, and the first of Airflow 3
    from airflow.exceptions import AirflowException, AirflowFailException

CONFIG = "/etc/lp-archive/lp-archive.toml"

# Exit codes that no further try mends (`lp-archive --help` has them all).
NEEDS_SOMEONE = {
    2: "the configuration or the command line is wrong",
    3: "finished, but something is quarantined, damaged or not archived",
    4: "the sign-in was refused",
    5: "a PGP key is missing or wrong",
    6: "the destination cannot be used",
}


class LpArchiveOperator(BaseOperator):
    """Runs lp-archive; what it says goes to the task's log.

    Exit codes 2 to 6 fail the task for good. Everything else but 0 (1 for a failure that passes, 130 and
    negative ones for a run that was stopped) leaves it to the task's retries.
    """

    template_fields = ("arguments",)

    def __init__(self, *, arguments, **kwargs):
        super().__init__(**kwargs)
        self.arguments = arguments
        self.process = None

    def execute(self, context):
        self.process = subprocess.Popen(
            ["lp-archive", *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        for line in self.process.stdout:
            self.log.info("%s", line.rstrip("\n"))
        code = self.process.wait()
        if code in NEEDS_SOMEONE:
            raise AirflowFailException(f"lp-archive ended with {code}: {NEEDS_SOMEONE[code]}")
        if code != 0:
            raise AirflowException(f"lp-archive ended with {code}: worth another try")

    def on_kill(self):
        # It puts down what is under way; what was finished stays.
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()


with DAG(
    dag_id="lp_archive",
    description="Archive LivePerson Data Access files",
    schedule="17 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    # Every run fetches all that the lake lacks: nights that were missed need no runs of their own.
    catchup=False,
    max_active_runs=1,
    tags=["liveperson"],
) as dag:
    LpArchiveOperator(
        task_id="sync",
        arguments=["sync", "-c", CONFIG],
        retries=4,
        retry_delay=timedelta(minutes=5),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(hours=1),
        execution_timeout=timedelta(hours=20),
    )
