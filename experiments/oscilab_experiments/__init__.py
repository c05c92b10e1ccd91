"""The experiments that come with oscilab."""
