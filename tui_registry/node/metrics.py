"""The counts of a node and of its replica as Prometheus reads them. It is imported once somebody asks for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import tui_registry
from tui_registry.datastore import REASONS, Datastore, StoreError
from tui_registry.durable import free_bytes
from tui_registry.node.following import HubSeen
from tui_registry.node.push_policy import PushPolicy
from tui_registry.node.shared import Member
from tui_registry.node.watch import BUCKETS, Counts, Waiting

_OURS = "tui_registry"


def exposition(
    datastore: Datastore,
    policy: PushPolicy,
    counts: Counts,
    waiting: Mapping[str, Waiting],
    accept: str,
    member: Member | None = None,
    *,
    hub: HubSeen | None = None,
) -> tuple[bytes, str]:
    """The metrics as text, and its media type.

    Args:
        counts: a copy. accept: the header of who asks, as OpenMetrics is answered to who names it.
        member: the worker that is asked, where the node has several.
        hub: how it stands to its hub, of a node of one.
    """
    registry = CollectorRegistry()
    if member is None:
        ProcessCollector(registry=registry)
    else:
        registry.register(_Processes(member.shared.processes()))
    registry.register(_Told(datastore, policy, counts, waiting, member, hub))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


# How


class _Told(Collector):
    def __init__(
        self,
        datastore: Datastore,
        policy: PushPolicy,
        counts: Counts,
        waiting: Mapping[str, Waiting],
        member: Member | None,
        hub: HubSeen | None,
    ) -> None:
        self._member = member
        self._hub = hub
        self._datastore = datastore
        self._policy = policy
        self._counts = counts
        self._waiting = waiting

    def collect(self) -> Iterator[Metric]:
        build = InfoMetricFamily(f"{_OURS}_build", "The program that runs.")
        build.add_metric((), {"version": tui_registry.__version__})
        yield build
        yield _gauge("start_time_seconds", "When the node began, in Unix seconds.", self._counts.began)
        shared = None if self._member is None else self._member.shared
        yield _gauge("workers", "Processes that answer.", 1 if shared is None else len(shared.processes()))
        lost = 0 if shared is None else shared.died
        yield _counter("workers_lost", "Workers that died and were begun again.", "", {"": lost})
        yield from _of_requests(self._counts)
        yield from _of_connections(self._counts)
        yield from _of_lines(self._waiting)
        yield _counter("pushed_operations", "Operations that others offered.", "outcome", self._counts.pushed)
        refused = self._counts.refused_pushes
        yield _counter("pushes_refused", "Pushes that were not looked at, by code.", "code", refused)
        if self._hub is not None:
            yield from _of_hub(self._hub, self._counts)
        try:
            replica = [*_of_replica(self._datastore)]
        except StoreError:
            replica = []
        yield _gauge("replica_readable", "Whether the replica can be read.", bool(replica))
        yield from replica
        yield from _of_disk(self._datastore, self._policy)


class _Processes(Collector):
    """What Prometheus tells of a process, of several together."""

    def __init__(self, processes: list[int]) -> None:
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        together: dict[str, Metric] = {}
        for process in self._processes:
            for metric in ProcessCollector(pid=partial(int, process), registry=None).collect():
                known = together.setdefault(metric.name, metric)
                if known is metric:
                    continue
                # Each has its own bound of files, and its own beginning.
                of_all = min if metric.name in ("process_max_fds", "process_start_time_seconds") else _sum_of
                known.samples = [
                    mine._replace(value=of_all(mine.value, theirs.value))
                    for mine, theirs in zip(known.samples, metric.samples, strict=True)
                ]
        yield from together.values()


def _sum_of(one: float, other: float) -> float:
    return one + other


def _of_requests(counts: Counts) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        f"{_OURS}_http_requests",
        "Requests by route; status 0: unanswered.",
        labels=("route", "method", "status"),
    )
    for (route, method, status), number in counts.requests.items():
        requests.add_metric((route, method, str(status)), number)
    yield requests
    durations = HistogramMetricFamily(
        f"{_OURS}_http_request_duration_seconds",
        "From headers to the end of the answer.",
        labels=("route",),
    )
    for route, (many, (total,)) in counts.seconds.items():
        buckets, reached = [], 0
        for bound, number in zip((*map(str, BUCKETS), "+Inf"), many, strict=True):
            reached += number
            buckets.append((bound, reached))
        durations.add_metric((route,), buckets, total)
    yield durations
    yield _counter("http_response_bytes", "Bytes of answers' bodies.", "route", counts.sent)
    yield _gauge("http_requests_in_flight", "Requests being answered.", counts.in_flight)
    yield _counter("http_unreadable", "What came and was no request, by code.", "code", counts.unreadable)


def _of_connections(counts: Counts) -> Iterator[Metric]:
    yield _gauge("connections", "Connections that are open.", counts.connections)
    yield _counter("connections_refused", "Connections that there was no place for.", "", {"": counts.refused})
    yield _counter("tls_handshakes_failed", "TLS handshakes that failed.", "", {"": counts.handshakes})


def _of_lines(waiting: Mapping[str, Waiting]) -> Iterator[Metric]:
    """What waits for threads."""
    yield _gauges("queue_running", "Threads at work.", "queue", {name: line.running for name, line in waiting.items()})
    yield _gauges(
        "queue_waiting", "Requests that wait.", "queue", {name: line.waiting for name, line in waiting.items()}
    )
    waits = SummaryMetricFamily(
        f"{_OURS}_queue_wait_seconds", "How long those had to wait who had to and got their turn.", labels=("queue",)
    )
    refused = CounterMetricFamily(
        f"{_OURS}_queue_refused", "Requests refused, as too much waited.", labels=("queue", "code")
    )
    for name, line in waiting.items():
        waits.add_metric((name,), line.waited, line.seconds)
        for code, number in line.refused.items():
            refused.add_metric((name, code), number)
    yield from (waits, refused)


def _of_hub(hub: HubSeen, counts: Counts) -> Iterator[Metric]:
    yield _gauges(
        "hub_standing", "How the node stands to its hub: 1 of the code that it has now.", "code", {hub.standing: 1}
    )
    yield _gauge("hub_ready", "Whether it stands as a node should.", hub.is_ready)
    if hub.shared_size is not None:
        yield _gauge(
            "hub_operations", "Operations in the log that the hub's nodes share, as seen last.", hub.shared_size
        )
        behind = max(hub.shared_size - hub.size, 0)
        yield _gauge("hub_behind_operations", "Those of them that are not here yet.", behind)
    yield _gauge("hub_away_seconds", "Since when that log cannot be reached; 0 where it can.", hub.away_seconds)
    yield _counter("hub_turns", "Turns that were taken to write to it, by outcome.", "outcome", counts.turns)
    took = SummaryMetricFamily(f"{_OURS}_hub_turn_seconds", "How long turns took.")
    took.add_metric((), sum(counts.turns.values()), counts.turn_seconds)
    yield took


def _of_replica(datastore: Datastore) -> Iterator[Metric]:
    """
    Raises:
        StoreError: as `Datastore`.
    """
    stats = datastore.stats()
    yield _gauge("operations", "Operations in the log.", stats.ops)
    yield _gauges("records", "Current records.", "kind", {"model": stats.models, "agent": stats.agents})
    yield _gauge("conflicts", "Records of which several versions are live.", stats.conflicts)
    kept_out = {"pending": stats.pending, "rejected": stats.rejected, "unsupported": stats.unsupported}
    yield _gauges("operations_kept_out", "Operations that are not in the log, by why.", "why", kept_out)
    counts = datastore.rations.counts()
    left_out: dict[str, float] = {reason: counts.get(reason, 0) for reason in REASONS}
    yield _gauges("operations_left_out", "Operations that are left out, by why.", "reason", left_out)
    yield _gauge("index_share", "How much of the word index is made, from 0 to 1.", datastore.indexed_share())
    yield _gauge("writable", "Whether the replica can be written, as far as was looked.", not datastore.why_read_only)
    # The names of peers are the operator's, but there may be thousands.
    peers = datastore.peers.all()
    yield _gauge("peers", "Peers that this replica pulls from.", len(peers))
    yield _gauge("peers_failing", "Those whose last pull failed.", sum(peer.last_error is not None for peer in peers))
    yield _gauge("peers_identical", "Those that had just the same operations.", sum(peer.identical for peer in peers))
    pulled = min((peer.last_sync for peer in peers if peer.last_sync is not None), default=None)
    if pulled is not None:
        oldest = max(time.time() - pulled, 0)
        yield _gauge("peers_oldest_pull_seconds", "Since the last whole pull from the peer that waits longest.", oldest)


def _of_disk(datastore: Datastore, policy: PushPolicy) -> Iterator[Metric]:
    room = policy.room()
    yield _gauge("replica_bytes", "The replica's files.", room.taken)
    rooms = {"strangers": room.strangers, "all": room.most}
    yield _gauges("room_bytes", "Up to which size of the replica's files pushes are taken.", "of", rooms)
    accepts = InfoMetricFamily(f"{_OURS}_pushes", "From whom operations are taken.")
    accepts.add_metric((), {"from": policy.who})
    yield accepts
    free = free_bytes(datastore.data_dir)
    if free is not None:
        yield _gauge("disk_free_bytes", "Room on the replica's disk.", free)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_OURS}_{name}", what, value)


def _gauges(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    told = GaugeMetricFamily(f"{_OURS}_{name}", what, labels=(label,))
    for value, number in values.items():
        told.add_metric((value,), number)
    return told


def _counter(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    """A counter; one without labels where the label is empty."""
    told = CounterMetricFamily(f"{_OURS}_{name}", what, labels=(label,) if label else ())
    for value, number in values.items():
        told.add_metric((value,) if label else (), number)
    return told
