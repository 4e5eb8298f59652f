"""Pub/Sub clients as this project needs them."""

from __future__ import annotations

import os

import grpc  # type: ignore[import-untyped]  # ships no types
from google.cloud import pubsub_v1
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_reconnect_backoff_ms", 5000)]


def subscriber_client() -> pubsub_v1.SubscriberClient:
    """Return a subscriber that takes a pull of any size, from the service or from PUBSUB_EMULATOR_HOST.

    Against the emulator the library's own client refuses answers over 4 MiB, which a dozen packed messages are; the
    messages stay leased to nobody until their deadline, and the subscription looks empty.
    """
    host = os.environ.get("PUBSUB_EMULATOR_HOST")
    if not host:
        return pubsub_v1.SubscriberClient()
    channel = grpc.insecure_channel(host, options=_OPTIONS)
    return pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
