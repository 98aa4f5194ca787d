"""The ladder: where a care plan cannot be written, the highest other way that works, told with the reason."""
