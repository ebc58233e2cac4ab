"""`tocsin topics`: its commands and their options. What they do is in the modules they import."""

import typer

from cli.options import PLAIN_HELP, Kafka

app = typer.Typer(no_args_is_help=True, rich_markup_mode=PLAIN_HELP, help="Operate the topics on Kafka.")


@app.command()
def create(*, kafka: Kafka = None) -> None:
    """Make the topics that are missing; those that are there are left as they are.

    Partitions, copies and retention are settings: TOCSIN_KAFKA_PARTITIONS,
    TOCSIN_KAFKA_REPLICAS, TOCSIN_KAFKA_RETENTION_HOURS.

    \b
    Examples:
      tocsin topics create
      tocsin topics create --kafka kafka-0.example.com:9092,kafka-1.example.com:9092

    \b
    Exit codes:
      0  the topics are there
      3  Kafka cannot be reached, or refuses
    """
    from cli.invoke import finish
    from cli.topics import create as run

    finish(run(kafka=kafka))


@app.command()
def check(*, kafka: Kafka = None) -> None:
    """Compare the topics with what they have to be, and say what differs.

    \b
    Examples:
      tocsin topics check
      TOCSIN_KAFKA_PARTITIONS=48 tocsin topics check --kafka kafka.example.com:9092

    \b
    Exit codes:
      0  the topics are as they have to be
      1  something differs
      3  Kafka cannot be reached, or refuses
    """
    from cli.invoke import finish
    from cli.topics import check as run

    finish(run(kafka=kafka))
