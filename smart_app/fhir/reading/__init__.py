"""JSON of the wire -> facts. ``from smart_app.fhir.reading.chart import read_chart`` is the way in.

Nothing is imported here: the client uses ``record``'s small helpers and must not pull in every reader.
"""
