"""Watch and control a run from other processes: a stream of its data, and a socket for requests.

The run's side is `Live`, an observer for `oscilab.train` and `oscilab.sample`. The viewers' side is
`oscilab.live.client`. FORMAT.md describes the messages. ZeroMQ is imported only when a run starts
to publish or a viewer to listen.
"""

from oscilab.live.publishing import Live

__all__ = ["Live"]
