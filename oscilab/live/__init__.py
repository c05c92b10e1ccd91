"""A run as others see it while it lasts: a stream of what it measures, and a socket to hold it.

The run's side is `Live`, an observer that `oscilab.train` and `oscilab.sample` take; the viewers'
side is `oscilab.live.client`. FORMAT.md says what goes over the wire. ZeroMQ is imported when a run
begins to publish, or a viewer to listen, and not before.
"""

from oscilab.live.publishing import Live

__all__ = ["Live"]
