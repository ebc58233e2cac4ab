"""`tocsin watch`, `evaluate`, `sink`, `deliver`: options. What they do is in the modules they import."""

from cli.options import (
    Cluster,
    Context,
    Database,
    Engine,
    Kafka,
    Manifests,
    Namespace,
    Policies,
    Subscribers,
    Waivers,
)


def watch(
    *,
    manifests: Manifests = None,
    context: Context = None,
    policies: Policies = None,
    waivers: Waivers = None,
    namespace: Namespace = None,
    cluster: Cluster = None,
    kafka: Kafka = None,
) -> None:
    """Follow a cluster, or a folder of manifests, and publish it on Kafka: a service.

    One for each cluster. A second one with the same TOCSIN_LEASE stands by. What earlier
    runs published and is gone gets its tombstone. Waits for Kafka and its topics.

    \b
    Examples:
      tocsin watch --context production --kafka kafka.example.com:9092
      tocsin watch --manifests deploy/ -p policies/ --cluster staging
    """
    from cli.invoke import finish
    from cli.run import RunOptions
    from cli.watch import watch as run

    options = RunOptions(
        manifests=tuple(manifests or ()),
        context=context,
        policies=tuple(policies or ()),
        waivers=tuple(waivers or ()),
    )
    finish(run(options, kafka=kafka, namespace=namespace, cluster=cluster))


def evaluate(*, kafka: Kafka = None, engine: Engine = None) -> None:
    """Evaluate what is on Kafka: a service, any number of them.

    They share the partitions of the resources. Verdicts and offsets are committed in one
    transaction, so that whatever is killed, each verdict is told once.

    \b
    Examples:
      tocsin evaluate
      tocsin evaluate --kafka kafka.example.com:9092 --engine regorus
    """
    from cli.evaluate import evaluate as run
    from cli.invoke import finish

    finish(run(kafka=kafka, engine=engine))


def sink(*, kafka: Kafka = None, db: Database = None) -> None:
    """Write what is on Kafka to the database: a service; several on PostgreSQL.

    Offsets are in the database, in the transaction that writes the rows. Waits for Kafka,
    the database, and its schema (`tocsin db upgrade`).

    \b
    Examples:
      tocsin sink --db postgresql://tocsin@db.example.com/tocsin
      tocsin sink --kafka kafka.example.com:9092 --db sqlite:///tocsin.db
    """
    from cli.invoke import finish
    from cli.sink import sink as run

    finish(run(kafka=kafka, db=db))


def deliver(*, subscribers: Subscribers = None, kafka: Kafka = None, db: Database = None) -> None:
    """Post verdicts on Kafka to subscribers, as CloudEvents by HTTP: a service, any number of them.

    The file names who gets which events. Each at least once, those of a resource in order;
    what fails is tried again, what was given up is kept in the database. A subscriber that
    is slow delays itself only. See docs/guides/subscribers.md, and `tocsin subscribers`.

    \b
    Examples:
      tocsin deliver --subscribers subscribers.yaml
      tocsin deliver --subscribers subscribers.yaml --db postgresql://tocsin@db.example.com/tocsin
    """
    from cli.deliver import deliver as run
    from cli.invoke import finish

    finish(run(subscribers=subscribers, kafka=kafka, db=db))
